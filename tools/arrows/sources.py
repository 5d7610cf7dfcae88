# SPDX-License-Identifier: Apache-2.0
"""Reads Swift sources, as far as tools/check-arrows needs it: what a file declares, and which names it uses."""

import re
from collections import defaultdict

TOKEN = re.compile(r'[A-Za-z_]\w*|`[A-Za-z_]\w*`|\d[\w.]*|->|\S', re.ASCII)
STRING = re.compile(r'(#*)("""|")')
TYPES = {"struct", "class", "enum", "protocol", "actor", "typealias"}
MEMBERS = {"func", "var", "let", "case"} | TYPES
MODIFIERS = {
    "public", "package", "internal", "private", "fileprivate", "open", "final", "static", "class", "indirect", "nonisolated",
    "mutating", "nonmutating", "borrowing", "consuming", "override", "weak", "unowned", "lazy", "set", "unsafe", "prefix", "required",
}
# The parameters of the standard library's types, which extensions of these see as names.
STANDARD_GENERICS = {"Dictionary": {"Key", "Value"}}

# Members that the standard library's types have too: the text does not say whose they are.
STANDARD = set(
    """append compactMap contains count description encode endIndex filter first hash index insert isEmpty keys last makeIterator map next
    prefix rawValue reduce remove startIndex suffix utf8 values""".split()
)


def tokens(text):
    """The tokens of Swift code as (text, line), without comments; of a string only what is interpolated, and `""` for the rest."""
    found = []
    position, line = 0, 1

    def skip(count):
        nonlocal position, line
        line += text.count("\n", position, position + count)
        position += count

    def comment():
        depth = 0
        while position < len(text):
            if text.startswith("/*", position):
                depth += 1
                skip(2)
            elif text.startswith("*/", position):
                depth -= 1
                skip(2)
                if depth == 0:
                    return
            else:
                skip(1)

    def string(hashes, quotes):
        found.append(('""', line))
        skip(len(hashes) + len(quotes))
        end, escape = quotes + hashes, "\\" + hashes
        while position < len(text) and not text.startswith(end, position):
            if text.startswith(escape + "(", position):
                skip(len(escape) + 1)
                code(inside=True)
            elif text.startswith(escape, position):
                skip(len(escape) + 1)
            else:
                skip(1)
        skip(len(end))

    def code(inside):
        depth = 0
        while position < len(text):
            if text[position].isspace():
                skip(1)
            elif text.startswith("//", position):
                skip((text.find("\n", position) + 1 or len(text) + 1) - 1 - position)
            elif text.startswith("/*", position):
                comment()
            elif match := STRING.match(text, position):
                string(*match.groups())
            else:
                word = TOKEN.match(text, position).group()
                depth += (word == "(") - (word == ")")
                if inside and depth < 0:
                    skip(1)
                    return
                found.append((word.strip("`"), line))
                skip(len(word))

    code(inside=False)
    return found


def generics(words, index):
    """The names of a clause of generic parameters, from behind its `<`."""
    found, depth, isName = set(), 1, True
    while depth > 0 and words[index]:
        if isName and words[index] not in {"each", "let"}:
            found.add(words[index])
        depth += (words[index] == "<") - (words[index] == ">")
        isName = depth == 1 and (words[index] == "," or isName and words[index] in {"each", "let"})
        index += 1
    return found


class Source:
    """One file: what it declares, and in which folder it lies."""

    def __init__(self, path, folder, text, module=""):
        """`module`: what a name of the same target may be qualified with."""
        self.module = module
        self.path = path
        self.folder = folder
        self.tokens = tokens(text)
        self.types, self.functions = set(), set()
        self.hidden = set()  # Names of the file's own, which hide those of other files.
        self.members = []  # (name, the extended type or None, is a function)
        self.imported = set()  # Indices of tokens of imports, which use nothing of the target's own.
        self.owner = {}  # Token index: the type whose declaration or extension it stands in.
        self.read()

    def modifiers(self, index):
        """The modifiers before the keyword at `index`."""
        found = set()
        index -= 1
        while index >= 0:
            word = self.tokens[index][0]
            if word == ")":
                while index >= 0 and self.tokens[index][0] != "(":
                    index -= 1
            elif word not in MODIFIERS:
                break
            elif not (index + 1 < len(self.tokens) and self.tokens[index + 1][0] == "("):
                found.add(word)
            index -= 1
        return found

    def read(self):
        words = [word for word, _ in self.tokens] + [""] * 4
        scopes = []  # Of each open brace: (is a type's, the type's name, is an extension's)
        opening = None  # What the next brace belongs to.
        nesting = 0  # Open parentheses and brackets.
        for index, word in enumerate(words[:-4]):
            self.owner[index] = scopes[0][1] if scopes else (opening or ("", ""))[1]
            if word in {"(", "["}:
                nesting += 1
            elif word in {")", "]"}:
                nesting -= 1
            elif word == "{":
                scopes.append(opening or (False, "", False))
                opening = None
            elif word == "}" and scopes:
                scopes.pop()
            elif word == "import" and not scopes:
                line = self.tokens[index][1]
                self.imported |= {other for other in range(index, min(index + 6, len(self.tokens))) if self.tokens[other][1] == line}
            elif word == "extension" and not scopes:
                if words[index + 1] in STANDARD_GENERICS:
                    self.hidden |= STANDARD_GENERICS[words[index + 1]]
                isQualified = words[index + 2] == "." and words[index + 1] in {self.module, "Swift"}
                opening = (True, words[index + 3 if isQualified else index + 1], True)
            elif word in MEMBERS and nesting == 0 and words[index - 1] not in {".", "import"} and all(scope[0] for scope in scopes):
                name = words[index + 1]
                if not re.match(r"[A-Za-z_]", name) or name in {"func", "var", "let"}:
                    continue  # `class func`; an operator
                if words[index + 2] == "<" and word in TYPES | {"func"}:
                    self.hidden |= generics(words, index + 3)
                isPrivate = bool(self.modifiers(index) & {"private", "fileprivate"})
                if word in TYPES and word != "typealias":
                    opening = (True, name, False)
                if not scopes:
                    if isPrivate:
                        self.hidden.add(name)
                    elif word in TYPES:
                        self.types.add(name)
                    elif word in {"func", "let", "var"}:
                        self.functions.add(name)
                elif len(scopes) == 1:
                    if word in TYPES:
                        self.hidden.add(name)
                    extended = scopes[0][1] if scopes[0][2] else None
                    self.members.append((name, None if isPrivate else extended, word == "func"))
                elif word != "case" or scopes:
                    if word in TYPES:
                        self.hidden.add(name)
                    self.members.append((name, None, word == "func"))


class Target:
    """The folders of one target, and the arrows between them."""

    def __init__(self, sources, others=frozenset()):
        """`others`: names of members that lower targets declare."""
        self.sources = sources
        self.types, self.functions, self.members = {}, {}, {}
        ambiguous = STANDARD | others
        everyMember = defaultdict(set)
        for source in sources:
            for name in source.types:
                self.types[name] = source.folder
            for name, extended, isFunction in source.members:
                everyMember[name].add((source.folder, extended))
        for source in sources:
            for name in source.functions:
                if name in everyMember or self.functions.get(name, source.folder) != source.folder:
                    ambiguous.add(name)
                self.functions[name] = source.folder
            for name, extended, isFunction in source.members:
                # Only what an extension adds to a type of another folder, or of another target.
                if extended and everyMember[name] == {(source.folder, extended)} and self.types.get(extended) != source.folder:
                    self.members[name] = (source.folder, extended, isFunction)
        for name in ambiguous:
            self.functions.pop(name, None)
            self.members.pop(name, None)

    def uses(self):
        """Every use of another folder's name: (path, line, from, to, name)."""
        for source in self.sources:
            words = [word for word, _ in source.tokens] + [""]
            for index, (word, line) in enumerate(source.tokens):
                before = words[index - 1] if index else ""
                other = None
                if index in source.imported:
                    continue
                if before == "." and not (index > 1 and words[index - 2] == source.module):
                    if word in self.members:
                        other = self.members[word][0]
                elif before in TYPES | {"func"} and words[index + 1] != "func":
                    pass
                elif word in source.hidden:
                    pass
                elif word in self.types:
                    other = self.types[word]
                elif word in self.functions and words[index + 1] != ":":
                    other = self.functions[word]
                elif word in self.members and self.members[word][2] and words[index + 1] == "(":
                    if source.owner[index] == self.members[word][1]:
                        other = self.members[word][0]
                if other and other != source.folder:
                    yield source.path, line, source.folder, other, word
