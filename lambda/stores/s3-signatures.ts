/**
 * Signature sets in S3 by service and build. One listing both chooses the set and tells, by its ETag, whether the one
 * parsed in an earlier invocation of this process is still current: a warm function downloads nothing.
 */

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  GetObjectCommand,
  type _Object as ListedObject,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import { SignatureError } from '../../signatures/errors.ts';
import { MAX_SIGNATURE_BYTES, parseSignatureSet, type SignatureSet } from '../../signatures/signature-set.ts';
import { isKeyPart, signaturesKey, signaturesPrefix } from '../keys.ts';
import type { ChosenSignatures, SignatureSource } from '../ports.ts';

/** Sets kept parsed: one function usually serves few services. */
const CACHED_SETS = 4;

const SUFFIX = '.json.gz';
const unpack = promisify(gunzip);

export function createSignatureSource(s3: S3Client, bucket: string): SignatureSource {
  const cache = new Map<string, SignatureSet>();

  async function load(key: string, etag: string): Promise<SignatureSet> {
    const cacheKey = `${key} ${etag}`;
    const held = cache.get(cacheKey);
    if (held !== undefined) return held;
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const packed = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
    const set = parseSignatureSet(await decompress(packed, key), `s3://${bucket}/${key}`);
    for (const oldest of cache.keys()) {
      if (cache.size < CACHED_SETS) break;
      cache.delete(oldest);
    }
    cache.set(cacheKey, set);
    return set;
  }

  return {
    async choose(service, build): Promise<ChosenSignatures | null> {
      const listed: ListedObject[] = [];
      const pages = paginateListObjectsV2(
        { client: s3 },
        { Bucket: bucket, Prefix: signaturesPrefix(service) },
      );
      for await (const page of pages) listed.push(...(page.Contents ?? []));
      const exactKey = build === null ? null : signaturesKey(service, build);
      const chosen = listed.find(({ Key: key }) => key === exactKey) ?? newest(listed, service);
      if (chosen?.Key === undefined || chosen.ETag === undefined) return null;
      return {
        set: await load(chosen.Key, chosen.ETag),
        build: chosen.Key.slice(signaturesPrefix(service).length, -SUFFIX.length),
        exact: chosen.Key === exactKey,
      };
    },
  };
}

async function decompress(packed: Uint8Array, key: string): Promise<string> {
  try {
    return (await unpack(packed, { maxOutputLength: MAX_SIGNATURE_BYTES })).toString('utf8');
  } catch (cause) {
    throw new SignatureError(
      `${key}: expected gzip of at most ${MAX_SIGNATURE_BYTES} bytes of JSON: publish it with \`perfscope publish\``,
      { cause },
    );
  }
}

/** The last one published; equal times in the order of their keys, so that the choice is always the same. */
function newest(listed: readonly ListedObject[], service: string): ListedObject | undefined {
  return listed
    .filter(({ Key: key = '' }) => {
      return key.endsWith(SUFFIX) && isKeyPart(key.slice(signaturesPrefix(service).length, -SUFFIX.length));
    })
    .sort(
      (a, b) =>
        (b.LastModified?.getTime() ?? 0) - (a.LastModified?.getTime() ?? 0) ||
        ((a.Key ?? '') < (b.Key ?? '') ? 1 : -1),
    )[0];
}
