// SPDX-License-Identifier: Apache-2.0

public import Metrics
public import OroIPC
import Synchronization

/// Middleware that counts and times the calls of each route, for whatever backend of swift-metrics the program has.
///
/// ```swift
/// host.router.use(CallMetrics())
/// ```
///
/// Two metrics, each with the dimensions `route` (as it was mapped) and `outcome` (`ok` or `error`): the counter
/// `oro_ipc_calls` and the timer `oro_ipc_call_duration`.
public struct CallMetrics: Middleware {
    private struct Key: Hashable {
        let route: String
        let isOK: Bool
    }

    private struct Metric {
        let calls: Counter
        let duration: Timer
    }

    /// Metrics by route: made once each, since a backend may take its time. Only routes that are mapped get here.
    private final class Known: Sendable {
        let metrics = Mutex<[Key: Metric]>([:])
    }

    private let known = Known()
    private let factory: any MetricsFactory

    /// Reports to `factory`; by default to that of the program, which has to be bootstrapped before.
    public init(factory: any MetricsFactory = MetricsSystem.factory) { self.factory = factory }

    public func after(_ call: RouteCall, _ result: inout Result) {
        let key = Key(route: call.name, isOK: result.isOK)
        let metric = known.metrics.withLock { metrics in
            if let metric = metrics[key] { return metric }
            let dimensions = [("route", key.route), ("outcome", key.isOK ? "ok" : "error")]
            let metric = Metric(
                calls: Counter(label: "oro_ipc_calls", dimensions: dimensions, factory: factory),
                duration: Timer(label: "oro_ipc_call_duration", dimensions: dimensions, factory: factory))
            metrics[key] = metric
            return metric
        }
        metric.calls.increment()
        metric.duration.record(duration: call.duration)
    }
}
