import { describe, expect, it } from 'vitest';
import { SignatureError } from '../../signatures/errors.ts';
import { frameClassifier, functionName } from '../../signatures/user-functions.ts';

const PROGRAM = '/usr/sbin/lighttpd';
const MAP = '/tmp/perf-4711.map';
const classifier = frameClassifier();
const nameOf = (name: string, object = PROGRAM) => classifier.userFunction({ name, object })?.name ?? null;

describe('functionName', () => {
  it.each([
    ['connection_state_machine.part.0', 'connection_state_machine'],
    ['ngx_http_send.isra.0.part.3', 'ngx_http_send'],
    ['serveClientBlockedOnList.constprop.1.cold', 'serveClientBlockedOnList'],
    ['event_del.localalias', 'event_del'],
    ['chunkqueue_append.lto_priv.0', 'chunkqueue_append'],
    ['hash.llvm.8842317706157310218', 'hash'],
  ])('takes %s, a clone that the compiler made, for %s', (raw, name) => {
    expect(functionName(raw)).toBe(name);
  });

  it('leaves a name with dots that marks no clone', () => {
    expect(functionName('main.(*Server).Serve')).toBe('main.(*Server).Serve');
    expect(functionName('partition')).toBe('partition');
  });

  it.each(['JS:~', 'JS:^', 'JS:*', 'JS:+', "JS:'", 'JS:', 'LazyCompile:~', 'LazyCompile:*', 'Function:~'])(
    'takes a JavaScript function marked %s for the same function in every tier',
    (mark) => {
      expect(functionName(`${mark}actualWrite /app/node_modules/sonic-boom/index.js:456:21`)).toBe(
        'actualWrite /app/node_modules/sonic-boom/index.js:456:21',
      );
    },
  );

  it('names an anonymous JavaScript function by its place', () => {
    expect(functionName('JS:~ /app/server.js:12:30')).toBe('(anonymous) /app/server.js:12:30');
    expect(functionName('JS:* file:///app/server.mjs:1:1')).toBe('(anonymous) file:///app/server.mjs:1:1');
  });

  it('drops the return type of a Java method and keeps the types of its parameters', () => {
    expect(functionName('boolean org.eclipse.jetty.io.SslConnection.fill(java.nio.ByteBuffer)')).toBe(
      'org.eclipse.jetty.io.SslConnection.fill(java.nio.ByteBuffer)',
    );
    expect(functionName('byte[] org.example.Codec.encode(int, long[])')).toBe(
      'org.example.Codec.encode(int, long[])',
    );
    expect(functionName('void org.example.Server.<init>()')).toBe('org.example.Server.<init>()');
  });

  it('drops the address of a hidden class, which each run has another of', () => {
    const name = 'org.example.Server$$Lambda$5.run()';
    expect(functionName('void org.example.Server$$Lambda$5/0x00007f3cdd001430.run()')).toBe(name);
    expect(functionName('org.example.Server$$Lambda$5/0x0000000800c8c840.run()')).toBe(name);
  });
});

describe('frameClassifier', () => {
  it.each([
    ['epoll_wait', '/usr/lib/x86_64-linux-gnu/libc.so.6'],
    ['__write', '/lib/x86_64-linux-gnu/libpthread-2.31.so'],
    ['_dl_fixup', '/usr/lib64/ld-linux-x86-64.so.2'],
    ['__clock_gettime', '[vdso]'],
    ['SSL_read', '/usr/lib/x86_64-linux-gnu/libssl.so.3'],
    ['event_base_loop', '/usr/lib/aarch64-linux-gnu/libevent-2.1.so.7.0.1'],
    ['write', '/lib/ld-musl-x86_64.so.1'],
    ['malloc', '/opt/service/lib/libjemalloc.so.2'],
    ['write', '/srv/profiling/fpshim.so'],
    ['JavaCalls::call_helper', '/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so'],
    ['node::fs::WriteBuffer', '/usr/local/bin/node'],
    ['uv__run_timers', '/usr/bin/nodejs'],
    ['[unknown]', PROGRAM],
  ])('passes over %s of %s', (name, object) => {
    expect(nameOf(name, object)).toBeNull();
  });

  it.each([
    ['main', PROGRAM],
    ['mod_scgi_handle_subrequest', '/usr/lib/lighttpd/mod_scgi.so'],
    ['ngx_http_echo', '/usr/lib/nginx/modules/ngx_http_echo_module.so'],
    ['gw_write', '/opt/service/lib/libgateway.so'],
    ['node_insert', '/usr/sbin/unbound'],
    ['nodelist_add', PROGRAM],
    ['v8_parse', PROGRAM],
    ['Database::exec', '/app/node_modules/better-sqlite3/build/Release/better_sqlite3.node'],
  ])('keeps %s of %s', (name, object) => {
    expect(nameOf(name, object)).toBe(name);
  });

  it.each([
    'JS:~emit node:events:466:44',
    'JS:^ node:internal/timers:512:3',
    'LazyCompile:*processTicksAndRejections node:internal/process/task_queues:67:35',
    'JS:*onSessionRead node:internal/http2/core:1180:25',
    'JS:~parse node:internal/deps/cjs-module-lexer/lexer:1:1',
    'JS:~createPrivateKey node:internal/crypto/x509:9:1',
    'Builtin:ArrayPrototypeForEach',
    'BytecodeHandler:CallProperty1',
    'RegExp:^[a-z]+$',
    'Builtins_JSEntryTrampoline',
  ])('passes over %s, which is Node.js or V8 itself', (name) => {
    expect(nameOf(name, MAP)).toBeNull();
  });

  it.each([
    'Interpreter',
    'StubRoutines (1)',
    'call_stub',
    'vtable stub',
    'void java.lang.Thread.run()',
    'int sun.nio.ch.EPoll.wait(int, long, int, int)',
    'java.lang.Object java.util.stream.Collectors$$Lambda$14/0x0000000800066040.apply(java.lang.Object)',
    'void jdk.internal.misc.Unsafe.park(boolean, long)',
    'void com.sun.net.httpserver.Filter$Chain.doFilter(com.sun.net.httpserver.HttpExchange)',
  ])('passes over %s, which is the JVM or the JDK itself', (name) => {
    expect(nameOf(name, MAP)).toBeNull();
  });

  it('keeps a Java method of the service whose parameters are of the JDK', () => {
    expect(nameOf('void org.example.Api.handle(java.io.InputStream)', MAP)).toBe(
      'org.example.Api.handle(java.io.InputStream)',
    );
    expect(nameOf('java.lang.String sunrise.Api.name()', MAP)).toBe('sunrise.Api.name()');
  });

  it('passes over the entry points of a program and its threads, which the C library brings', () => {
    expect(nameOf('_start')).toBeNull();
    expect(nameOf('__libc_start_main_impl')).toBeNull();
    expect(nameOf('start_thread')).toBeNull();
    expect(nameOf('start_threads')).toBe('start_threads');
  });

  it('takes one function for one whatever process the map file was of', () => {
    const frame = (pid: number) => ({ name: 'JS:*f /app/a.js:1:2', object: `/tmp/perf-${pid}.map` });
    expect(classifier.userFunction(frame(1))).toEqual(classifier.userFunction(frame(22)));
    expect(classifier.userFunction(frame(1))).toEqual({ name: 'f /app/a.js:1:2', object: '/app/a.js' });
    expect(classifier.userFunction({ name: 'void a.B.c()', object: '/tmp/perf-1.map' })?.object).toBe('jit');
  });

  it('knows the outermost functions of a complete stack', () => {
    const isEntry = (name: string) => classifier.isEntry({ name, object: '/lib/libc.so.6' });
    expect(['_start', '__libc_start_call_main', 'start_thread', 'clone3'].every(isEntry)).toBe(true);
    expect(['main', 'cloned', 'restart_thread'].some(isEntry)).toBe(false);
  });

  it('adds the libraries, functions and entries that a user names', () => {
    const extended = frameClassifier({
      objects: ['/opt/vendor/'],
      functions: ['^trace_'],
      entries: ['^fiber_main$'],
    });
    expect(extended.userFunction({ name: 'f', object: '/opt/vendor/agent.so' })).toBeNull();
    expect(extended.userFunction({ name: 'trace_enter', object: PROGRAM })).toBeNull();
    expect(extended.isEntry({ name: 'fiber_main', object: PROGRAM })).toBe(true);
    expect(extended.userFunction({ name: 'read', object: '/lib/libc.so.6' })).toBeNull();
    expect(extended.userFunction({ name: 'f', object: PROGRAM })?.name).toBe('f');
  });

  it('says which pattern of which list is not a regular expression', () => {
    expect(() => frameClassifier({ functions: ['^ok$', '(['] })).toThrow(SignatureError);
    expect(() => frameClassifier({ functions: ['(['] })).toThrow(/"\(\[" in functions/);
  });
});
