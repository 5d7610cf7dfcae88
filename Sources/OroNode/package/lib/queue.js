// SPDX-License-Identifier: Apache-2.0
'use strict'

/** What waits, in its order. Taking the first costs the same however many there are. */
class Queue {
  #items = []
  #taken = 0

  get size () { return this.#items.length - this.#taken }

  /** The oldest; `undefined` when there is none. */
  get first () { return this.#items[this.#taken] }

  push (item) { this.#items.push(item) }

  removeFirst () {
    this.#items[this.#taken++] = undefined
    if (this.#taken * 2 < this.#items.length) return
    this.#items = this.#items.slice(this.#taken)
    this.#taken = 0
  }
}

module.exports = { Queue }
