import type { Frame } from '../trace/trace.ts';
import shipped from './catalog/library-frames.json' with { type: 'json' };
import { SignatureError } from './errors.ts';

/** Which frames are libraries or runtimes, as data (catalog/library-frames.json; users add their own). */
export interface LibraryFrames {
  readonly objects: readonly string[];
  readonly functions: readonly string[];
  /** Outermost functions of a complete stack: one that ends elsewhere was cut. */
  readonly entries: readonly string[];
}

export interface UserFunction {
  readonly name: string;
  readonly object: string;
}

export interface FrameClassifier {
  /** The user-defined function of a frame, or null for library, runtime and unknown frames. */
  userFunction(frame: Frame): UserFunction | null;
  /** True where a stack with this outermost frame is complete. */
  isEntry(frame: Frame): boolean;
}

/** V8's code kinds and tier marks: `JS:~f`, `JS:^f`, `JS:*f`, `LazyCompile:*f` are all one function. */
const JAVASCRIPT = /^(?:JS|LazyCompile|Function|Script|Eval|Callback):[~^*+']?\s*(.*)$/;
/** Java's perf map puts the return type first: `boolean org.example.Type.method(int)`. */
const JAVA_METHOD = /^[\w.$<>[\]/]+ ((?:[\w$/]+\.)+[\w$<>]+\(.*\))$/;
/** GCC's clones of one function: `f.part.0`, `f.isra.0`, `f.constprop.1`, `f.cold`, `f.lto_priv.0`. */
const COMPILER_CLONE = /(?:\.(?:part|isra|constprop|cold|lto_priv|llvm|localalias)(?:\.\d+)?)+$/;
/** The JVM's hidden classes carry an address that changes with each run: `Server$$Lambda$5/0x00007f3cdd001430.run()`. */
const HIDDEN_CLASS_ADDRESS = /\/0x[0-9a-f]{8,16}(?=\.)/g;
/** Map files are named after the process (`/tmp/perf-123.map`), which would make one function many. */
const PERF_MAP = /(?:^|\/)perf-\d+\.map$/;

export function frameClassifier(extra: Partial<LibraryFrames> = {}): FrameClassifier {
  const objects = compile([...shipped.objects, ...(extra.objects ?? [])], 'objects');
  const functions = compile([...shipped.functions, ...(extra.functions ?? [])], 'functions');
  const entries = compile([...shipped.entries, ...(extra.entries ?? [])], 'entries');
  // A statically linked program carries the C library's entry functions in its own object.
  const libraryNames = [...functions, ...entries];
  return {
    userFunction(frame) {
      const generated = PERF_MAP.test(frame.object);
      if (!generated && objects.some((pattern) => pattern.test(frame.object))) return null;
      if (libraryNames.some((pattern) => pattern.test(frame.name))) return null;
      const name = functionName(frame.name);
      const at = name.lastIndexOf(' ');
      const source = generated && at >= 0 && !name.endsWith(')') ? name.slice(at + 1) : '';
      const object = source === '' ? (generated ? 'jit' : frame.object) : source.replace(/(:\d+)+$/, '');
      return { name, object };
    },
    isEntry(frame) {
      return entries.some((pattern) => pattern.test(frame.name));
    },
  };
}

/** One name for one function, whatever tier, clone or return type the profile shows. */
export function functionName(raw: string): string {
  const script = JAVASCRIPT.exec(raw)?.[1];
  if (script !== undefined)
    return script.startsWith('/') || script.startsWith('file:') ? `(anonymous) ${script}` : script;
  const method = JAVA_METHOD.exec(raw)?.[1] ?? raw;
  return method.replace(HIDDEN_CLASS_ADDRESS, '').replace(COMPILER_CLONE, '');
}

function compile(patterns: readonly string[], list: string): RegExp[] {
  return patterns.map((pattern) => {
    try {
      return new RegExp(pattern);
    } catch (cause) {
      throw new SignatureError(`library frames: "${pattern}" in ${list} is not a regular expression`, {
        cause,
      });
    }
  });
}
