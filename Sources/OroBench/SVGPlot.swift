// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A plot of lines as SVG: axes with ticks, a legend beside it. It brings its own colours, for light and dark, and
/// needs no fonts but the viewer's.
struct SVGPlot {
    struct Series {
        var name: String
        var points: [(x: Double, y: Double)]
        /// Number of the colour; lines that belong together share one.
        var color = 0
        var isDashed = false
    }

    struct Axis {
        enum Scale: Hashable {
            /// Ticks at round numbers from 0 on.
            case linear
            /// Ticks at the powers of this base. Only values above 0.
            case logarithmic(base: Double)
        }
        var title: String
        var scale: Scale
        /// A value as its tick says it.
        var label: (Double) -> String
    }

    var title: String
    var subtitle = ""
    var x: Axis
    var y: Axis
    var series: [Series]

    private static let (width, height) = (920.0, 500.0)
    /// The area of the lines.
    private static let (left, right, top, bottom) = (74.0, 704.0, 70.0, 446.0)
    private static let light = ["#1f6fd6", "#d9650f", "#1a8f5a", "#9a4fc4", "#b8860b", "#c2334d", "#0e8c99", "#6b6f76"]
    private static let dark = ["#6aaeff", "#ff9d57", "#54cf94", "#c994ee", "#e3bd4d", "#ff7f93", "#4fd0dd", "#a9afb8"]

    func svg() -> String {
        let points = series.flatMap(\.points)
        let horizontal = Ruler(x.scale, points.map(\.x), from: SVGPlot.left, to: SVGPlot.right)
        let vertical = Ruler(y.scale, points.map(\.y), from: SVGPlot.bottom, to: SVGPlot.top)
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(SVGPlot.width)) \(number(SVGPlot.height))" \
            width="\(number(SVGPlot.width))" height="\(number(SVGPlot.height))" role="img">
            """, "<title>\(escaped(title))</title>", SVGPlot.style,
            "<rect class=\"ground\" width=\"\(number(SVGPlot.width))\" height=\"\(number(SVGPlot.height))\"/>",
            text(SVGPlot.left, 28, title, "title"), text(SVGPlot.left, 48, subtitle, "small"),
        ]
        for value in vertical.between {
            lines.append(line(SVGPlot.left, vertical.place(value), SVGPlot.right, vertical.place(value), "faint"))
        }
        for value in vertical.ticks {
            let place = vertical.place(value)
            lines.append(line(SVGPlot.left, place, SVGPlot.right, place, "grid"))
            lines.append(text(SVGPlot.left - 8, place + 4, y.label(value), "tick end"))
        }
        for value in horizontal.ticks {
            let place = horizontal.place(value)
            lines.append(line(place, SVGPlot.top, place, SVGPlot.bottom, "grid"))
            lines.append(text(place, SVGPlot.bottom + 18, x.label(value), "tick middle"))
        }
        lines.append(line(SVGPlot.left, SVGPlot.bottom, SVGPlot.right, SVGPlot.bottom, "axis"))
        lines.append(line(SVGPlot.left, SVGPlot.top, SVGPlot.left, SVGPlot.bottom, "axis"))
        lines.append(text((SVGPlot.left + SVGPlot.right) / 2, SVGPlot.bottom + 42, x.title, "small middle"))
        let middle = (SVGPlot.top + SVGPlot.bottom) / 2
        lines.append(
            "<text class=\"small middle\" transform=\"translate(18 \(number(middle))) rotate(-90)\">\(escaped(y.title))</text>"
        )
        for entry in series { lines += curve(entry, horizontal, vertical) }
        for (index, entry) in series.enumerated() {
            let place = SVGPlot.top + 10 + Double(index) * 22
            let start = SVGPlot.right + 22
            lines.append(line(start, place, start + 26, place, "line \(look(entry))"))
            lines.append(text(start + 34, place + 4, entry.name, "small"))
        }
        lines.append("</svg>")
        return lines.joined(separator: "\n") + "\n"
    }

    private func curve(_ entry: Series, _ horizontal: Ruler, _ vertical: Ruler) -> [String] {
        let places = entry.points.filter { horizontal.has($0.x) && vertical.has($0.y) }.map { point in
            (horizontal.place(point.x), vertical.place(point.y))
        }
        guard !places.isEmpty else { return [] }
        let list = places.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
        var lines = ["<polyline class=\"line \(look(entry))\" points=\"\(list)\"/>"]
        if !entry.isDashed {
            lines += places.map { place in
                "<circle class=\"dot c\(color(entry))\" cx=\"\(number(place.0))\" cy=\"\(number(place.1))\" r=\"2.2\"/>"
            }
        }
        return lines
    }

    private func color(_ entry: Series) -> Int { entry.color % SVGPlot.light.count }

    private func look(_ entry: Series) -> String { "c\(color(entry))" + (entry.isDashed ? " dashed" : "") }

    private func text(_ x: Double, _ y: Double, _ words: String, _ look: String) -> String {
        words.isEmpty ? "" : "<text class=\"\(look)\" x=\"\(number(x))\" y=\"\(number(y))\">\(escaped(words))</text>"
    }

    private func line(_ x: Double, _ y: Double, _ toX: Double, _ toY: Double, _ look: String) -> String {
        "<line class=\"\(look)\" x1=\"\(number(x))\" y1=\"\(number(y))\" x2=\"\(number(toX))\" y2=\"\(number(toY))\"/>"
    }

    private func number(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private func escaped(_ words: String) -> String {
        var result = ""
        for character in words {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }

    private static let style: String = {
        func rules(_ colors: [String], ground: String, ink: String, soft: String, grid: String, faint: String) -> String
        {
            var rules = [
                ".ground{fill:\(ground)}", "text{fill:\(ink)}", ".tick,.small{fill:\(soft)}", ".axis{stroke:\(soft)}",
                ".grid{stroke:\(grid)}", ".faint{stroke:\(faint)}",
            ]
            for (index, color) in colors.enumerated() {
                rules.append(".line.c\(index){stroke:\(color)}.dot.c\(index){fill:\(color)}")
            }
            return rules.joined(separator: "\n")
        }
        return """
            <style>
            text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:12px}
            .title{font-size:16px;font-weight:600}
            .tick{font-size:11px}
            .end{text-anchor:end}
            .middle{text-anchor:middle}
            .axis,.grid,.faint{stroke-width:1}
            .line{fill:none;stroke-width:1.5;stroke-linejoin:round}
            .dashed{stroke-width:1;stroke-dasharray:4 3}
            \(rules(light, ground: "#ffffff", ink: "#1c1f24", soft: "#565c66", grid: "#dfe2e7", faint: "#f1f3f5"))
            @media (prefers-color-scheme:dark){
            \(rules(dark, ground: "#12151a", ink: "#e8eaee", soft: "#a4abb6", grid: "#2c323b", faint: "#1c2027"))
            }
            </style>
            """
    }()

    /// Where the values of an axis lie.
    private struct Ruler {
        private let scale: Axis.Scale
        private let low: Double
        private let high: Double
        private let start: Double
        private let end: Double
        let ticks: [Double]
        /// Lines between the ticks.
        let between: [Double]

        init(_ scale: Axis.Scale, _ values: [Double], from start: Double, to end: Double) {
            self.scale = scale
            self.start = start
            self.end = end
            switch scale {
            case .linear:
                let top = max(values.max() ?? 1, 1e-9)
                var step = pow(10, log10(top / 5).rounded(.down))
                if let factor = [1.0, 2, 5, 10].first(where: { top / (step * $0) <= 7 }) { step *= factor }
                let count = (top / step).rounded(.up)
                (low, high) = (0, count * step)
                ticks = (0...Int(count)).map { Double($0) * step }
                between = []
            case .logarithmic(let base):
                let values = values.filter { $0 > 0 }
                // A hair of tolerance: the ends are often powers of the base, and logarithms are not exact.
                let first = (log(values.min() ?? 1) / log(base) + 1e-9).rounded(.down)
                let last = max(first + 1, (log(values.max() ?? base) / log(base) - 1e-9).rounded(.up))
                (low, high) = (pow(base, first), pow(base, last))
                ticks = (Int(first)...Int(last)).map { pow(base, Double($0)) }
                between =
                    base == 10
                    ? (Int(first)..<Int(last)).flatMap { decade in (2...9).map { Double($0) * pow(10, Double(decade)) }
                    } : []
            }
        }

        func has(_ value: Double) -> Bool { value.isFinite && (scale == .linear || value > 0) }

        func place(_ value: Double) -> Double {
            let share = scale == .linear ? (value - low) / (high - low) : log(value / low) / log(high / low)
            return start + share * (end - start)
        }
    }
}
