import type { Command } from 'commander';
import { withAws } from '../aws-error.ts';

const HELP = `
The function takes the set of a trace's own build, or else the newest one of its service. Sets are never deleted by
the stack; publishing the same build again replaces its set, which the function notices at its next trace.

Needs AWS credentials that may put s3://BUCKET/signatures/* (the ones that deploy the stack can).

Examples:
  perfscope publish signatures.json --bucket perfscope-buckets-traces-1a2b3c
  aws lambda invoke --function-name FUNCTION --cli-binary-format raw-in-base64-out \\
      --payload '{"incident":"shop/p99-20261123T021500Z"}' out.json
                                          run an incident again with what was published`;

interface Options {
  readonly bucket: string;
}

export function register(program: Command): void {
  program
    .command('publish')
    .summary("put a service's signatures where the function finds them")
    .description('Uploads a signature set to s3://BUCKET/signatures/SERVICE/BUILD.json.gz.')
    .argument('<signatures>', 'signature set, as `perfscope mine` writes it; plain, gzip or zstd')
    .requiredOption(
      '--bucket <name>',
      "the stack's bucket for traces and signatures (its output Step3NodeBucket)",
    )
    .addHelpText('after', HELP)
    .action(async (path: string, options: Options) => {
      const [{ S3Client }, { serializeSignatureSet }, { readSignatureFile }, { publishSignatures }] =
        await Promise.all([
          import('@aws-sdk/client-s3'),
          import('../../signatures/signature-set.ts'),
          import('../signature-input.ts'),
          import('../publish-signatures.ts'),
        ]);
      const set = await readSignatureFile(path);
      const s3 = new S3Client({});
      try {
        const published = await withAws(`cannot publish to ${options.bucket}`, () =>
          publishSignatures(s3, options.bucket, serializeSignatureSet(set)),
        );
        process.stdout.write(
          `published ${set.functions.length} functions of ${published.service} ${published.build}: s3://${options.bucket}/${published.key} (${published.bytes} bytes)\n`,
        );
      } finally {
        s3.destroy();
      }
    });
}
