# SPDX-License-Identifier: Apache-2.0
"""Draws parts and the arrows between them: boxes in rows, as SVG."""

import textwrap
from collections import defaultdict

ROW, BOX, PORT = 86, 36, 26  # Height of a row, height of a box, and how far apart arrows leave a box.


def path_between(arrows, start, end):
    """The shortest way from one part to another along arrows, as a list of parts; `None` when there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for following in sorted(arrows.get(way[-1], ())):
            if following == end:
                return way + [end]
            if following not in seen:
                seen.add(following)
                ways.append(way + [following])
    return None


class Drawing:
    """Boxes in rows, and arrows between them that pass between the boxes of the rows they cross."""

    def __init__(self, rows, arrows, width, height=lambda box: BOX, gap=ROW - BOX):
        """`arrows`: (from, to) and what is written at it. `width` and `height`: of a box."""
        self.rows = [list(row) for row in rows]
        self.arrows = arrows
        rank = {box: index for index, row in enumerate(rows) for box in row}
        self.ways = {}
        for source, other in arrows:
            # An arrow that points up takes the same way as one that points down.
            top, bottom = (source, other) if rank[source] <= rank[other] else (other, source)
            way = [top]
            for row in range(rank[top] + 1, rank[bottom]):
                bend = (source, other, row)
                self.rows[row].append(bend)
                way.append(bend)
            self.ways[source, other] = way + [bottom]
        # Of each item, what it is joined with in the row above and below: (the other, the arrow).
        self.above, self.below = defaultdict(list), defaultdict(list)
        for arrow, way in self.ways.items():
            for top, bottom in zip(way, way[1:]):
                self.below[top].append((bottom, arrow))
                self.above[bottom].append((top, arrow))
        boxes = set(rank)
        arriving = {box: max(len(self.above[box]), len(self.below[box])) for box in boxes}
        self.isBox = lambda item: item in boxes
        self.width = lambda item: max(width(item), (arriving[item] + 1) * PORT) if item in boxes else 10
        self.height = lambda item: height(item) if item in boxes else 0
        self.gap = gap
        self.order()
        self.place()

    def order(self):
        """Puts the items of each row in an order in which few arrows cross (barycentres, Sugiyama and others, 1981)."""
        best, fewest = [list(row) for row in self.rows], self.crossings()
        for sweep in range(40):
            down = sweep % 2 == 0
            for index in range(len(self.rows)) if down else reversed(range(len(self.rows))):
                neighbours = self.above if down else self.below
                other = index - 1 if down else index + 1
                if not 0 <= other < len(self.rows):
                    continue
                place = {item: number for number, item in enumerate(self.rows[other])}
                now = {item: number for number, item in enumerate(self.rows[index])}

                def middle(item):
                    places = [place[neighbour] for neighbour, _ in neighbours[item]]
                    return (sum(places) / len(places) if places else now[item] * len(place) / len(now), now[item])

                self.rows[index].sort(key=middle)
            if (count := self.crossings()) < fewest:
                best, fewest = [list(row) for row in self.rows], count
        self.rows = best

    def crossings(self):
        count = 0
        for upper, lower in zip(self.rows, self.rows[1:]):
            place = {item: number for number, item in enumerate(lower)}
            ends = [end for item in upper for end in sorted(place[other] for other, _ in self.below[item])]
            count += sum(a > b for index, a in enumerate(ends) for b in ends[index + 1:])
        return count

    def place(self):
        """Coordinates: each item as near to the middle of what it is joined with as its neighbours in the row allow."""
        self.x, self.y = {}, {}
        top = 0
        for row in self.rows:
            tallest = max(self.height(item) for item in row)
            left = 0
            for item in row:
                self.x[item] = left + self.width(item) / 2
                self.y[item] = (top, top + tallest)
                left += self.width(item) + 28
            top += tallest + self.gap
        self.bottom = top - self.gap
        for sweep in range(120):
            rows = self.rows if sweep % 2 == 0 else self.rows[::-1]
            for row in rows:
                wanted = []
                for item in row:
                    # A bend is to lie straight below or above the next bend of its arrow, if it can.
                    near = [(self.x[other], 1 if self.isBox(other) else 6) for other, _ in self.above[item] + self.below[item]]
                    weight = sum(weight for _, weight in near)
                    wanted.append(sum(x * weight for x, weight in near) / weight if near else self.x[item])
                self.spread(row, wanted)
        left = min(self.x[item] - self.width(item) / 2 for item in self.x)
        for item in self.x:
            self.x[item] -= left
        self.right = max(self.x[item] + self.width(item) / 2 for item in self.x)

    def spread(self, row, wanted):
        """Moves the items of a row to where they are wanted, as far as none covers another: least squares, in one pass."""
        offsets = [0.0]
        for left, right in zip(row, row[1:]):
            offsets.append(offsets[-1] + self.width(left) / 2 + self.width(right) / 2 + 28)
        groups = []  # Of items that touch: where they are wanted on average, their weight, how many they are.
        for item, want, offset in zip(row, wanted, offsets):
            groups.append((want - offset, 1 if self.isBox(item) else 3, 1))
            while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
                (value, weight, count), (others, more, many) = groups.pop(), groups.pop()
                groups.append(((value * weight + others * more) / (weight + more), weight + more, count + many))
        values = [value for value, _, count in groups for _ in range(count)]
        for item, value, offset in zip(row, values, offsets):
            self.x[item] = value + offset

    def port(self, item, arrow, joined):
        """Where an arrow meets a box: the arrows are spread over its edge in the order of their other ends."""
        if not self.isBox(item):
            return self.x[item]
        ends = sorted(joined[item], key=lambda end: (self.x[end[0]], str(end)))
        index = [arrow for _, arrow in ends].index(arrow)
        return self.x[item] + (index - (len(ends) - 1) / 2) * min(self.width(item) / (len(ends) + 1), 60)

    def svg(self, left, top, upward, paper):
        """The arrows as SVG; and what is written at them, which goes on top of all else."""
        lines, labels = [], []
        for arrow, label in sorted(self.arrows.items()):
            way, isUpward = self.ways[arrow], arrow in upward
            points = []
            for upper, lower in zip(way, way[1:]):
                bottom = self.y[upper][0] + self.height(upper) if self.isBox(upper) else self.y[upper][1]
                points.append((left + self.port(upper, arrow, self.below), top + bottom))
                points.append((left + self.port(lower, arrow, self.above), top + self.y[lower][0]))
            if isUpward:
                points.reverse()
            path = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
            for index, ((x1, y1), (x2, y2)) in enumerate(zip(points, points[1:])):
                middle = (y1 + y2) / 2
                path += f" C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}" if index % 2 == 0 else f" L{x2:.0f} {y2:.0f}"
            kind = "-up" if isUpward else ""
            lines.append(f'<path d="{path}" class="arrow{kind}" marker-end="url(#head{kind})"/>')
            x, y = points[0][0], points[0][1] + (-11 if isUpward else 11)
            wide = 7 * len(str(label)) + 4
            labels.append(f'<rect x="{x - wide / 2:.0f}" y="{y - 7:.0f}" width="{wide}" height="14" class="{paper}"/>')
            labels.append(f'<text x="{x:.0f}" y="{y + 4:.0f}" class="count{kind}">{label}</text>')
        return lines, labels


STYLE = """\
text { font: 13px sans-serif; fill: #1f2328; text-anchor: middle }
.title { font-weight: bold; text-anchor: start }
.part { font-size: 10px; fill: #57606a }
.note { font-size: 12px; fill: #57606a; text-anchor: start }
.count { font-size: 11px; fill: #57606a }
.count-up { font-size: 11px; fill: #cf222e }
.paper { fill: #ffffff }
.target-paper { fill: #f6f8fa }
.folder { fill: #ffffff; stroke: #8c959f }
.target { fill: #f6f8fa; stroke: #57606a }
.arrow { fill: none; stroke: #6e7781; stroke-width: 1.1 }
.arrow-up { fill: none; stroke: #cf222e; stroke-width: 1.1; stroke-dasharray: 5 3 }
.head { fill: #6e7781 }
.head-up { fill: #cf222e }"""


NOTE = (
    "An arrow leads from what uses to what is used. The number at a folder's arrow says how many names of types, functions and members it"
    " stands for, that at a target's arrow in how many files. An arrow that follows from others is left out. Dashed and red: what"
    " points up, which is an error. Drawn by tools/check-arrows.")


def reduced(arrows):
    """Those arrows that no longer way stands for: without A → C, where there are A → B and B → C."""
    following = defaultdict(set)
    for source, other in arrows:
        following[source].add(other)
    return {
        (source, other): label
        for (source, other), label in arrows.items()
        if not any(path_between(following, middle, other) for middle in following[source] - {other})
    }


def text_width(text):
    return len(text) * 7.6 + 24


def picture(target_rows, folder_rows, folders, targets, parts_of):
    """The SVG. `folders`: of each target with folders, (from, to) → count of names; `targets`: (from, to) → count of files;
    `parts_of`: of each target, the names of the folders in those of its folders that are one part with them."""
    inner, size = {}, {}
    for target, layers in folder_rows.items():
        rank = {part: index for index, row in enumerate(layers) for part in row}
        down = {arrow: count for arrow, count in folders[target].items() if rank[arrow[0]] < rank[arrow[1]]}
        up = {arrow: count for arrow, count in folders[target].items() if rank[arrow[0]] >= rank[arrow[1]]}
        parts = parts_of.get(target, {})
        drawing = Drawing(
            layers, {**reduced(down), **up},
            lambda part: max(text_width(part), text_width(" · ".join(parts.get(part, []))) * 0.8))
        inner[target] = (drawing, up, parts)
        size[target] = (max(drawing.right + 40, text_width(target)), drawing.bottom + 74)
    outer = Drawing(
        target_rows, reduced(targets), lambda box: size.get(box, (text_width(box), 0))[0],
        lambda box: size.get(box, (0, BOX))[1], gap=70)
    width = outer.right + 40
    notes = textwrap.wrap(NOTE, int((width - 40) / 6.4))
    height = outer.bottom + 50 + 18 * len(notes)
    made, labels = [], []
    lines, texts = outer.svg(20, 20, set(), "paper")
    made += lines
    labels += texts
    for row in target_rows:
        for target in row:
            w, h = size.get(target, (outer.width(target), BOX))
            w = max(w, outer.width(target))
            x, y = 20 + outer.x[target] - w / 2, 20 + outer.y[target][0]
            made.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" rx="6" class="target"/>')
            if target not in inner:
                made.append(f'<text x="{x + w / 2:.0f}" y="{y + 23:.0f}">{target}</text>')
                continue
            made.append(f'<text x="{x + 14:.0f}" y="{y + 23:.0f}" class="title">{target}</text>')
            drawing, up, parts = inner[target]
            left, top = x + (w - drawing.right) / 2, y + 50
            lines, texts = drawing.svg(left, top, set(up), "target-paper")
            made += lines
            labels += texts
            for part in drawing.y:
                if not drawing.isBox(part):
                    continue
                px, py, pw = left + drawing.x[part] - drawing.width(part) / 2, top + drawing.y[part][0], drawing.width(part)
                made.append(f'<rect x="{px:.0f}" y="{py:.0f}" width="{pw:.0f}" height="{BOX}" rx="4" class="folder"/>')
                lower = 16 if parts.get(part) else 23
                made.append(f'<text x="{px + pw / 2:.0f}" y="{py + lower:.0f}">{part}</text>')
                if parts.get(part):
                    made.append(f'<text x="{px + pw / 2:.0f}" y="{py + 29:.0f}" class="part">{" · ".join(parts[part])}</text>')
    for index, note in enumerate(notes):
        made.append(f'<text x="20" y="{outer.bottom + 56 + 18 * index:.0f}" class="note">{note}</text>')
    head = (
        '<marker id="head{0}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"'
        ' markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" class="head{0}"/></marker>')
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
         f"<style>\n{STYLE}\n</style>", "<defs>", head.format(""), head.format("-up"), "</defs>",
         f'<rect width="{width:.0f}" height="{height:.0f}" class="paper"/>'] + made + labels + ["</svg>"]) + "\n"
