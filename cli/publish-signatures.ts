/** Puts a signature set where the function looks for it. */

import { gzipSync } from 'node:zlib';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { signaturesKey } from '../lambda/keys.ts';
import { parseSignatureSet } from '../signatures/signature-set.ts';

/** Build of a set that was mined without one. */
const UNNAMED_BUILD = 'unnamed';

export interface PublishedSignatures {
  readonly key: string;
  readonly service: string;
  readonly build: string;
  readonly bytes: number;
}

/** Throws SignatureError where the text is no signature set, and KeyError where its names cannot be keys. */
export async function publishSignatures(
  s3: S3Client,
  bucket: string,
  text: string,
): Promise<PublishedSignatures> {
  const set = parseSignatureSet(text);
  const build = set.build === '' ? UNNAMED_BUILD : set.build;
  const key = signaturesKey(set.service, build);
  const body = gzipSync(text);
  await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: 'application/gzip' }),
  );
  return { key, service: set.service, build, bytes: body.length };
}
