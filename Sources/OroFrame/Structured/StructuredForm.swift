// SPDX-License-Identifier: Apache-2.0

/// The number an array of the encoding begins with: what it stands for. `docs/structured-values.md` has the table.
///
/// `null`, booleans, numbers, big integers, strings and objects are themselves; everything else is an array that says
/// what it is.
enum StructuredForm: Int64, CaseIterable {
    /// `[0, element, …]`
    case array = 0
    /// `[1]`
    case undefined = 1
    /// `[2, n]`: the object whose encoding began as the n-th, again.
    case again = 2
    /// `[3, milliseconds]`
    case date = 3
    /// `[4, key, value, key, value, …]`
    case map = 4
    /// `[5, element, …]`
    case set = 5
    /// `[6, source, flags]`
    case regexp = 6
    /// `[7, name, message, stack or null, cause?]`
    case error = 7
    /// `[8, bytes]`: the buffer's bytes; `[8, n, count]`: the n-th buffer beside the value.
    case buffer = 8
    /// `[9, kind, buffer, offset, length]`
    case view = 9
    /// `[10, n]`: the n-th port beside the value.
    case port = 10
    /// `[11, n]`: the n-th file descriptor beside the value.
    case descriptor = 11
    /// `[12]`: a hole, as an element of an array.
    case hole = 12
    /// `[13, primitive]`
    case boxed = 13
}
