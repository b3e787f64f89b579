import { hostname } from 'node:os';
import { UsageError } from './errors.ts';

/**
 * Names become directories, tracefs instances and parts of S3 keys: the parts that the function accepts
 * (lambda/keys.ts), without those that a command would take for an option or a directory hide.
 */
const MAX_NAME = 128;
const NAME = new RegExp(`^[A-Za-z0-9_=][A-Za-z0-9._=-]{0,${MAX_NAME - 1}}$`);

export function checkedName(what: string, name: string): string {
  if (!NAME.test(name)) {
    throw new UsageError(
      `expected ${what} of at most ${MAX_NAME} characters from A-Z a-z 0-9 . _ = -, the first no dot or dash, found ${JSON.stringify(name)}`,
    );
  }
  return name;
}

/** The name that the node was given, else the id that SSM knows it by, else its host name. */
export function nodeName(given: string | undefined, environment: NodeJS.ProcessEnv): string {
  const name = given ?? environment.PERFSCOPE_NODE ?? environment.AWS_SSM_INSTANCE_ID ?? hostname();
  return checkedName('a node name (--node)', name);
}

/** Whoever armed the recording did not know the instance's id; SSM, which asks for the trace, does. */
export function shippingNode(armedNode: string, environment: NodeJS.ProcessEnv): string {
  return armedNode === hostname() ? nodeName(undefined, environment) : armedNode;
}

/** `traces/<service>/<incident>/<node>/…`: the function is called for objects below `traces/`. */
export function traceKey(service: string, incident: string, node: string, file: string): string {
  return `traces/${service}/${incident}/${node}/${file}`;
}
