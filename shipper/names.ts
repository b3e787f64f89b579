import { hostname } from 'node:os';
import { ShipperError } from './errors.ts';

/** Names become directories, tracefs instances and S3 keys: characters that mean nothing to any of these. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function checkedName(what: string, name: string): string {
  if (!NAME.test(name)) {
    throw new ShipperError(
      `expected ${what} of at most 100 letters, digits, dots, underscores and dashes, found ${JSON.stringify(name)}`,
    );
  }
  return name;
}

/** The id that alarms and SSM know the node by, else its host name. */
export function nodeName(given: string | undefined, environment: NodeJS.ProcessEnv): string {
  const name = given ?? environment.PERFSCOPE_NODE ?? environment.AWS_SSM_INSTANCE_ID ?? hostname();
  return checkedName('a node name (--node)', name);
}

/** `traces/<service>/<incident>/<node>/…`: the function is called for objects below `traces/`. */
export function traceKey(service: string, incident: string, node: string, file: string): string {
  return `traces/${service}/${incident}/${node}/${file}`;
}
