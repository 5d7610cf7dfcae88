// SPDX-License-Identifier: Apache-2.0

/// What libFuzzer runs: one decoder of ours, chosen by its first argument, and what must hold of it for any
/// bytes. Built and run by `tools/fuzz`.
///
/// No decoder may crash, or take more memory or time than the input's length explains; libFuzzer and AddressSanitizer
/// see to that. The targets check what is more than that: what decodes encodes to the same bytes, and two ways to
/// decode agree.
enum Target: String, CaseIterable {
    case frame, value, json, uri, form, headers, codable, structured, stream, broker, owner, packet

    /// Traps when something does not hold.
    func check(_ input: [UInt8]) {
        switch self {
        case .frame: FrameTarget.check(input)
        case .value: ValueTarget.check(input)
        case .json: JSONTarget.check(input)
        case .uri: URITarget.check(input)
        case .form: FormTarget.check(input)
        case .headers: HeadersTarget.check(input)
        case .codable: CodableTarget.check(input)
        case .structured: StructuredTarget.check(input)
        case .stream: StreamTarget.check(input)
        case .broker: BrokerTarget.check(input)
        case .owner: OwnerTarget.check(input)
        case .packet: PacketTarget.check(input)
        }
    }
}

/// libFuzzer's driver: runs until it has done what the arguments ask for.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// Set once, before the first input.
nonisolated(unsafe) private var chosen = Target.value

/// Where the package manager starts an executable: `oro-fuzz TARGET [LIBFUZZER-OPTIONS] [CORPUS]`.
@_cdecl("oro_fuzz_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    guard count > 1, let name = arguments[1], let target = Target(rawValue: String(cString: name)) else {
        print(
            "usage: oro-fuzz TARGET [LIBFUZZER-OPTIONS] [CORPUS]; a target is one of", Target.allCases.map(\.rawValue))
        return 2
    }
    chosen = target
    // The name is not for libFuzzer.
    for index in 1..<Int(count) { arguments[index] = arguments[index + 1] }
    var count = count - 1
    var arguments = arguments
    return runDriver(&count, &arguments) { start, count in testOneInput(start, count) }
}

/// For each input. libFuzzer's own `main`, which nobody calls, wants it by this name.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    chosen.check([UInt8](UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Ends the process; libFuzzer keeps the input.
func require(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { fatalError("fuzz: \(what())") }
}
