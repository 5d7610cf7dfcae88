import COroIPC
import OroIPC

/// How the result of a handler gets back to whoever asked, once the handler has returned.
protocol Answer: AnyObject, Sendable {
    /// Answers, or ends the stream.
    func send(_ result: Result) throws(Failure)
    /// C has given its last reference back.
    func drop()
}
