// SPDX-License-Identifier: Apache-2.0
/** Resolves `oro:ipc`; on the thread that Node runs such hooks on. */

const target = new URL('./ipc.mjs', import.meta.url).href

export async function resolve (specifier, context, next) {
  return specifier === 'oro:ipc' ? { url: target, format: 'module', shortCircuit: true } : next(specifier, context)
}
