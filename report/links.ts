/**
 * Where a reader of the notification finds the rest. Presigned URLs are not used: one made with a role's credentials
 * dies with them, within hours, whatever expiry was asked for
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html), and anyone who holds the mail
 * could open it. The console asks for a sign-in and works for as long as the report exists.
 */

export function consoleLink(region: string, bucket: string, key: string): string {
  const domain = region.startsWith('cn-') ? 'console.amazonaws.cn' : 'console.aws.amazon.com';
  return `https://${region}.${domain}/s3/object/${bucket}?region=${region}&prefix=${encodeURIComponent(key)}`;
}

export function objectAddress(bucket: string, key: string): string {
  return `s3://${bucket}/${key}`;
}
