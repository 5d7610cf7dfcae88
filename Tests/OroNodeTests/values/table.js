'use strict'
// Values of every kind, each made anew for every way it goes: a name, what makes it, and why it is left out where the platform's own clone is
// no measure (`left`), in the words of docs/javascript.md.

const { createSecretKey } = require('node:crypto')
const net = require('node:net')
const vm = require('node:vm')

const rows = []
const row = (name, make, left = null) => { rows.push({ name, make, left }) }
/** Of the same kind, by their source. */
const all = (prefix, sources, left = null) => {
  // eslint-disable-next-line no-new-func
  for (const source of sources) row(`${prefix} ${source}`.trim(), new Function('vm', `return (${source})`).bind(null, vm), left)
}

// Primitives.
all('', ['undefined', 'null', 'true', 'false', '0', '-0', '1', '-1', '127', '128', '-32', '-33', '255', '256', '32767', '-32768', '-32769', '65536',
  '2147483647', '-2147483648', '2147483648', '4294967296', '2**53 - 1', '-(2**53 - 1)', '2**53', '2**64', '1.5', '-1.5', '1e300', '5e-324', 'NaN', 'Infinity', '-Infinity',
  '0n', '1n', '-1n', '2n**63n', '-(2n**63n)', '2n**64n', '-(2n**64n)', '2n**1000n', '-(3n**500n)', '255n', '256n'])
all('', ['1n << 200000n'], 'a bigint has at most 16 KiB')
all('text', ['""', '"a"', '"x".repeat(23)', '"x".repeat(24)', '"x".repeat(31)', '"x".repeat(32)', '"x".repeat(255)', '"x".repeat(256)', '"x".repeat(65536)', '"é".repeat(40)', '"€uro"', '"😀"', '"a\\0b"',
  '"\\uffff\\ufffe"', '"\\u2028"', '"\\ufeffbom"', '"e\\u0301"', '"\\ufffd"'])
all('text', ['"\\ud800"', '"a\\udc00b"', '"\\udc00\\ud800"', '["\\ud83d"]', 'new Map([["\\ud800", 1]])', 'Object("\\ud800")'], 'half of a surrogate pair has no form in UTF-8')
all('', ['Symbol("s")', 'Symbol.iterator', '() => 1', 'function f () {}', 'class A {}', 'async () => 1', 'function * () {}', 'Math.max', '[() => 1]', '({ a: Symbol("x") })', 'new Map([[() => 1, 1]])', 'new Set([Symbol()])', 'new Proxy(() => 1, {})'])

// Boxed.
all('boxed', ['Object(1)', 'Object(-0)', 'Object(NaN)', 'Object("x")', 'Object("")', 'Object(true)', 'Object(false)', 'Object(1n)', 'Object(2n**70n)', '[Object(1), Object("x")]', 'Object.assign(Object(1), { valueOf: () => 2 })',
  'Object(Symbol("x"))', 'vm.runInNewContext("Object(5)")', '(o => [o, o])(Object("same"))', 'new (class N extends Number {})(5)'])

// Objects.
all('object', ['({})', '({ a: 1 })', '({ a: undefined })', '({ a: { b: { c: [] } } })', '({ 2: "b", 1: "a", x: 0, "-1": 1, "01": 2 })', 'JSON.parse(\'{"__proto__": 5}\')', 'JSON.parse(\'{"__proto__": {"a": 1}}\')',
  '({ constructor: 1, toString: 2, hasOwnProperty: 3 })', '({ "": 1 })', '({ "a\\0b": 1 })', '({ "é": 1, "e\\u0301": 2 })', '({ 4294967294: 1, 4294967295: 2, 4294967296: 3 })',
  'Object.create(null)', 'Object.assign(Object.create(null), { a: 1 })', 'Object.create({ inherited: 1 })', 'Object.freeze({ a: [1] })', 'Object.seal({ a: 1 })',
  'Object.defineProperty({ a: 1 }, "hidden", { value: 2 })', '({ [Symbol("s")]: 1, a: 2 })', '({ get a () { return 1 } })', '({ get a () { delete this.b; return 1 }, b: 2 })', '({ set a (v) {} })',
  'new (class A { x = 1; #y = 2 })()', 'new (class A { #y = 2 })()', 'new (class A { get x () { return 1 } })()', 'new (class B extends (class A { a = 1 }) { b = 2 })()', 'new (class A { [Symbol.toStringTag] = "Tag"; a = 1 })()',
  'Object.assign(Object.create(Error.prototype), { a: 1 })', 'Object.fromEntries(Array.from({ length: 300 }, (_, i) => ["k" + i, i]))', 'new Function("this.a = 1; return this").call({})',
  '(o => { o.self = o; return o })({})', '(o => { o.a = { o }; o.b = [o]; return o })({})', '(s => ({ one: s, two: s, list: [s, s] }))({ shared: 1 })', '({ toJSON () { return 1 } })',
  '({ then: 1 })', '({ __type__: "Buffer", data: "aGk=" })', '({ __type__: "IPCMessagePort" })', '({ length: 3, 0: "a" })', '({ data: 1, err: null })', '({ type: "Error", message: "m" })'])
all('object', ['({ "\\ud800": 1 })', '({ "\\ud800": 1, "\\ud801": 2 })'], 'half of a surrogate pair has no form in UTF-8')
all('object', ['({ get a () { throw new RangeError("mine") } })', '({ get a () { throw 5 } })', '[{ get a () { throw new TypeError("deep") } }]', 'new Map([["k", { get a () { throw new SyntaxError("in a map") } }]])',
  'Object.assign(new Error("x"), { get cause () { return 1 } })', 'new Proxy({}, {})', 'new Proxy([], {})', 'new Proxy(new Map(), {})', '({ a: new Proxy({ b: 1 }, {}) })', 'new Proxy({}, { ownKeys () { throw new Error("trap") } })',
  '(function () { return arguments })(1, 2)', '(function () { "use strict"; return arguments })()', '({ a: (function () { return arguments })(1) })'])
all('object', ['Array.from({ length: 100 }).reduce(nested => ({ nested }), 1)', 'Array.from({ length: 100 }).reduce(nested => [nested], 1)', 'Array.from({ length: 100 }).reduce(nested => new Map([[1, nested]]), 1)'], 'a value has at most 64 levels')

// Arrays.
all('array', ['[]', '[1, 2, 3]', '[, ]', '[1, , 3]', '[, , 1]', '[1, , ]', 'new Array(5)', '[undefined]', '[null, undefined, , NaN]', '[[], [[]], [[[]]]]', '(a => { a.push(a); return a })([])', '(a => [a, a])([1])',
  'Array.from({ length: 1000 }, (_, i) => i)', 'Array(300).fill(null)', '(a => { a[5000] = 1; return a })([])', '(a => { a.length = 100; return a })([1])', 'new (class A extends Array {})(1, 2)',
  'Object.freeze([1, { a: 2 }])', 'Object.defineProperty([1], 0, { get: () => 5, enumerable: true })', '(a => { Object.defineProperty(a, 1, { get () { a.length = 1; return 2 }, enumerable: true }); return a })([1, 2, 3])',
  'Object.assign([1, 2], { [Symbol("s")]: 1 })', 'Object.assign([1], { toJSON: undefined }).slice()', '[1.5, -0, "x", 2n, null, [], {}]', 'vm.runInNewContext("[1, [2], { a: 3 }]")', '"a-b-c".split("-")'])
all('array', ['Object.assign([1], { name: "x" })', 'Object.assign([], { a: 1 })', '/(a)/.exec("a")', 'Object.assign([1, 2], { "-1": 0 })', 'Object.assign([1], { toJSON: 5 })'], 'members of an array beside its elements have no form')
all('array', ['(a => { a.length = 5e7; return a })([])', '(a => { a.length = 2 ** 32 - 1; return a })([1])', '(a => { a[3e6] = 1; return a })([])', '({ a: Array(1.5e6) })'], 'a message has at most half a million holes')

// Dates, regular expressions, maps and sets.
all('', ['new Date(0)', 'new Date(NaN)', 'new Date(-1)', 'new Date(8.64e15)', 'new Date(1.7e12 + 0.5)', 'new (class D extends Date { getTime () { return 5 } })(7)', 'Object.assign(new Date(3), { extra: 1 })', '(d => [d, d])(new Date(1))', 'vm.runInNewContext("new Date(5)")'])
all('', ['/a/', '/a+b/gi', '/\\//', '/[\\]]/u', '/a/dgimsuy', 'new RegExp("")', 'new RegExp("\\n")', 'Object.assign(/a/g, { lastIndex: 2 })', 'Object.defineProperty(/a/, "source", { value: "x" })', 'new (class R extends RegExp { get flags () { return "g" } })("a", "i")', '/😀/u', 'vm.runInNewContext("/x/gs")', '(r => [r, r])(/a/)'])
all('', ['new Map()', 'new Map([[1, 2]])', 'new Map([[1, "a"], ["1", "b"]])', 'new Map([[{}, []], [NaN, -0], [null, undefined]])', '(m => m.set("self", m))(new Map())', '(m => m.set(m, 1))(new Map())', 'new Map([["a", new Map([["b", new Set([1])]])]])', 'new (class M extends Map {})([[1, 2]])',
  'Object.assign(new Map([[1, 2]]), { extra: 1, [Symbol.iterator]: function * () {} })', 'new Map(Array.from({ length: 500 }, (_, i) => [i, `v${i}`]))', 'vm.runInNewContext("new Map([[1, new Set([2])]])")', '(m => { m.set("a", { get x () { m.set("late", 1); return 1 } }); return m })(new Map())',
  'new Set()', 'new Set([1, "1", 1n, NaN])', 'new Set([-0])', '(s => s.add(s))(new Set())', 'new Set([[1], { a: 2 }, new Date(0)])', 'new (class S extends Set {})([1])', 'Object.assign(new Set([1]), { [Symbol.iterator]: function * () { yield 9 } })', 'vm.runInNewContext("new Set([1])")',
  'new Set(Array.from({ length: 500 }, (_, i) => i))', '(o => new Map([[o, o]]))({ k: 1 })'])

// Errors.
all('', ['new Error("m")', 'new Error()', 'new Error("")', ...['EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'].map(name => `new ${name}("m")`), 'new Error("m", { cause: new TypeError("c") })', 'new Error("m", { cause: undefined })',
  'new Error("m", { cause: null })', 'new Error("m", { cause: { a: [1, new Date(0)] } })', 'new Error("1", { cause: new Error("2", { cause: new Error("3", { cause: "end" }) }) })', 'new (class Mine extends Error {})("m")', 'new (class Mine extends TypeError {})("m")',
  'new (class Mine extends Error { get message () { return "inherited" } })("own")', 'new (class Mine extends Error { name = "Mine" })("m")', 'Object.assign(new Error("m"), { name: "RangeError" })', 'Object.assign(new Error("m"), { name: { toString: () => "TypeError" } })',
  'Object.assign(new Error("m"), { message: undefined })', 'Object.assign(new Error("m"), { message: 5 })', 'Object.assign(new Error("m"), { message: { toString: () => "text" } })', 'Object.assign(new Error("m"), { code: "ECODE", errno: -2 })', 'Object.assign(new Error("m"), { stack: "mine" })',
  'Object.assign(new Error("m"), { stack: 5 })', 'Object.assign(new Error("m"), { self: () => {} })', 'new AggregateError([new Error("a")], "m")', '[new Error("a"), new Error("a")]', '(e => [e, e])(new Error("same"))', 'vm.runInNewContext("new RangeError(\'far\', { cause: [1] })")', 'vm.runInNewContext("Object.assign(new Error(\'x\'), { name: \'TypeError\' })")',
  'new Error("é😀")', 'new Error("m", { cause: () => 1 })', 'new Error("m", { cause: Symbol("x") })', 'Object.assign(new Error("m"), { name: Symbol("x") })', 'Object.defineProperty(new Error("m"), "name", { get () { throw new RangeError("name") } })', 'new Error("m", { cause: new WeakRef({}) })'])
all('', ['(e => { e.cause = e; return e })(new Error("m"))', '(e => { e.cause = { deep: [e] }; return e })(new TypeError("m"))', '(o => { o.error = new Error("m", { cause: o }); return o })({})'], 'Node 18 and 20 cannot read a cycle through the cause of an error again')
all('', ['new DOMException("m", "AbortError")', 'AbortSignal.abort().reason'], 'a DOMException comes as an Error of its name')

// Buffers and views.
const kinds = ['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array']
for (const kind of kinds) all('', [`new ${kind}()`, `new ${kind}(3)`, `new ${kind}(new Uint8Array(Array.from({ length: 64 }, (_, i) => i)).buffer, 16, 2)`, `vm.runInNewContext("new ${kind}(2)")`])
all('', ['new DataView(new ArrayBuffer(0))', 'new DataView(new ArrayBuffer(8), 3)', 'new DataView(new ArrayBuffer(8), 3, 2)', 'vm.runInNewContext("new DataView(new ArrayBuffer(2))")', 'new ArrayBuffer(0)', 'new ArrayBuffer(3)', 'new Uint8Array([1, 2]).buffer', 'vm.runInNewContext("new Uint8Array([7, 8]).buffer")',
  'new Float64Array([NaN, -0, Infinity, 5e-324])', 'new Float32Array([1.5, NaN])', '(b => [new Uint8Array(b), new Uint16Array(b), b])(new ArrayBuffer(8))', '(b => [b, b])(new ArrayBuffer(2))', '(v => [v, v])(new Uint8Array(2))', 'new Uint8Array(100000).fill(7)', 'new Uint8Array(100000).fill(7).subarray(5, 50)',
  '[new Uint8Array(3000).fill(1), new Uint8Array(3000).fill(2), new Uint8Array(10).fill(3)]', 'Object.assign(new Uint8Array([1]), { extra: 1 })', 'Object.defineProperty(new Uint8Array(4).fill(6), "length", { value: 99 })', 'Object.defineProperty(new Uint8Array(4).fill(6), "byteLength", { value: 1 })',
  'Object.defineProperty(new Uint8Array([1, 2, 3, 4]).subarray(1), "byteOffset", { value: 0 })', 'new (class V extends Uint8Array {})([1, 2])', '(b => { structuredClone(b, { transfer: [b] }); return b })(new ArrayBuffer(4))', '(v => { structuredClone(v, { transfer: [v.buffer] }); return v })(new Uint8Array(4))', '(v => { structuredClone(v, { transfer: [v.buffer] }); return { v } })(new DataView(new ArrayBuffer(4)))',
  'new WebAssembly.Memory({ initial: 1 }).buffer.slice(0, 5)'])
all('', ['Buffer.from("abc")', 'Buffer.alloc(0)', 'Buffer.alloc(5000, 1)', 'Buffer.from([1, 2, 3]).subarray(1)', '[Buffer.from("a"), Buffer.from("b")]'], 'a Buffer stays one, and takes along no more than its own bytes')
all('', ['new ArrayBuffer(8, { maxByteLength: 16 })', 'new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }))', '({ v: new DataView(new ArrayBuffer(8, { maxByteLength: 16 }), 2) })'], 'a buffer that can be resized would come as one that cannot')
all('', ['new SharedArrayBuffer(4)', 'new Uint8Array(new SharedArrayBuffer(4))', '[new Int32Array(new SharedArrayBuffer(8), 4)]'], 'memory that threads share is that of one process')

// More than their members.
all('', ['new WeakRef({})', 'new WeakMap()', 'new WeakSet()', 'Promise.resolve(1)', '(async () => 1)()', '[Promise.resolve()]', '(function * () {})()', '(async function * () {})()', '({ g: (function * () {})() })', '[].values()', 'new Map().entries()', 'new Set().values()', '"a"[Symbol.iterator]()', '"a".matchAll(/a/g)', 'new FinalizationRegistry(() => {})',
  'new Intl.NumberFormat()', 'new Intl.DateTimeFormat()', 'new Intl.Collator()', 'new Intl.PluralRules()', 'new Intl.Locale("de")', 'new Intl.Segmenter()', 'new Intl.ListFormat()', '({ f: new Intl.NumberFormat() })', 'new WebAssembly.Memory({ initial: 1 })', 'new WebAssembly.Table({ initial: 1, element: "anyfunc" })', 'Object.assign(new WeakRef({}), { a: 1 })', 'vm.runInNewContext("new WeakRef({})")', 'vm.runInNewContext("Promise.resolve()")'])
const inProcess = 'what the platform has beside members is that of one process (the platform makes some of these {})'
all('', ['new Blob(["x"])', '[new Blob([])]', 'new URL("a:b")', 'new URLSearchParams("a=b")', 'new globalThis.Headers({ a: "b" })', 'new FormData()', 'new Response("x")', 'new Request("http://x")', 'new ReadableStream()', '({ s: new ReadableStream() })', 'new AbortController().signal', 'new AbortController()', 'new Event("x")', 'new EventTarget()', 'new TextDecoder()', 'Math', 'JSON', 'Atomics',
  'new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))', 'new MessageChannel().port1'], inProcess)
row('a KeyObject', () => createSecretKey(Buffer.alloc(8)), inProcess)
row('a BlockList', () => new net.BlockList(), inProcess)
row('a SocketAddress', () => new net.SocketAddress(), inProcess)

module.exports = { rows }
