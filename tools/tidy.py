#!/usr/bin/env python3
"""tidy: what the compiler does not check.

usage: tidy.py [--ratchet] [ROOT]

Prints `file:line: what is wrong; what to do instead` and exits 1, or prints nothing and exits 0.  The rules are the
functions below that bear @rule; each says in its first line what it wants.  Runs as a test (tests/law), and every rule
has a cheat in tests/law/cheats.py that it must catch.

tools/tidy.ratchet lists functions and files that are longer than the limit, with their length: they may only get
shorter.  --ratchet writes the shorter lengths down; it never adds or raises one.
"""
import collections, os, pathlib, re, sys

FUNCTION_LINES, FILE_LINES, COLUMNS, COLUMNS_TOOLS = 70, 800, 100, 120
SHIPPED = ('include', 'src', 'port', 'drivers', 'lib', 'posix', 'go', 'apps')
TESTS = ('tests', 'bench', 'examples')

# word: what to use instead.  In everything:
BANNED = {
    'strcpy': 'a copy with a bound', 'strcat': 'snprintf()', 'sprintf': 'snprintf()', 'vsprintf': 'vsnprintf()',
    'gets': 'read()', 'atoi': 'strtoul() and its end pointer', 'atol': 'strtoul() and its end pointer',
    'strtok': 'a scan that keeps its input', 'rand': 'prng_u64()', 'random': 'prng_u64()', 'alloca': 'a fixed bound',
    'gethostbyname': 'getaddrinfo()', 'setjmp': 'a returned error', 'longjmp': 'a returned error',
    'signal': 'sigaction()', 'mktemp': 'mkstemp()', 'tmpnam': 'mkstemp()',
}
# In the core, as well:
BANNED_CORE = {
    'memcpy': 'mem_copy()', 'memmove': 'mem_move()', 'memset': 'mem_zero() or mem_fill()', 'memcmp': 'mem_eq()',
    'strlen': 'a length kept beside the pointer', 'strcmp': 'mem_eq() with a length',
    'strncpy': 'mem_copy() with a length', 'strncmp': 'mem_eq() with a length', 'memchr': 'a bounded loop',
    'printf': 'core_log()', 'fprintf': 'core_log()', 'snprintf': 'fmt()', 'vsnprintf': 'fmt_v()', 'puts': 'core_log()',
    'malloc': 'a pool sized at start', 'calloc': 'a pool sized at start', 'realloc': 'a fixed bound',
    'free': 'a pool sized at start', 'mmap': 'memory handed in by the platform',
    'time': 'core->now', 'clock_gettime': 'core->now', 'gettimeofday': 'core->now', 'sleep': 'a deadline',
    'usleep': 'a deadline', 'nanosleep': 'a deadline', 'getrandom': 'core->prng', 'arc4random': 'core->prng',
    'errno': 'a returned negative number of base/err.h', 'exit': 'assert() or a returned error',
    'abort': 'assert()', 'qsort': 'an order kept while inserting', 'pthread_mutex_lock': 'one thread a stack',
}
# The only conditions that a file outside port/ may compile by, besides its include guard.
MAY_IF = re.compile(r'UNIT_TEST|FUZZ|__SANITIZE_ADDRESS__|__has_feature|__cplusplus|__COUNTER__')

RULES = []


def rule(f):
    RULES.append(f)
    return f


class File:
    """One source file, its lines, and its code with comments and strings blanked."""

    def __init__(self, root, path):
        self.path, self.rel = path, path.relative_to(root)
        self.text = path.read_text(errors='replace')
        self.lines = self.text.split('\n')
        self.top = self.rel.parts[0]
        self.shipped = self.top in SHIPPED
        self.core = self.top == 'src'
        self.c = path.suffix in ('.c', '.h')
        self.module = self.module_of()

    def module_of(self):
        """tcp for src/tcp/x.c and tests/unit/tcp/x.c, drivers/slirp for drivers/slirp/x.c, leat for include/leat."""
        p = self.rel.parts
        if self.top in ('src', 'include'):
            return p[1]
        if self.rel.parts[:2] == ('tests', 'unit') and len(p) > 2:
            return p[2]
        return '/'.join(p[:-1][:2])

    @property
    def code(self):
        if not hasattr(self, '_code'):
            blank = lambda m: re.sub(r'[^\n]', ' ', m[0])
            self._code = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, self.text,
                                flags=re.S).split('\n')
        return self._code

    def includes(self):
        for n, line in enumerate(self.lines, 1):
            m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if m:
                yield n, m[1] == '"', m[2]

    def functions(self):
        """(name, line, length) of each function body: '{' in column 0 to '}' in column 0."""
        start = None
        for i, line in enumerate(self.code):
            if line.startswith('{') and start is None:
                start = i
            elif line.startswith('}') and start is not None:
                head = re.split(r'[;}#]', ' '.join(self.code[max(0, start - 8):start]))[-1]
                name = re.search(r'(\w+)\s*\(', re.sub(r'\b[A-Z_]+\s*\([^()]*\)|__attribute__\s*\(\(.*?\)\)', '', head))
                yield (name[1] if name else '?'), start + 1, i - start + 1
                start = None


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.files = []
        for top in SHIPPED + TESTS + ('tools', '.ci'):
            for p in sorted((self.root / top).rglob('*')):
                if p.is_file() and p.suffix in ('.c', '.h', '.py', '.sh') and '__pycache__' not in p.parts:
                    self.files.append(File(self.root, p))
        self.c = [f for f in self.files if f.c]
        self.findings = []
        self.ratchet_file = self.root / 'tools/tidy.ratchet'
        self.ratchet, self.lengths = {}, {}
        if self.ratchet_file.exists():
            pairs = (line.split() for line in self.ratchet_file.read_text().splitlines() if line[:1] not in ('', '#'))
            self.ratchet = {what: int(length) for what, length in pairs}

    def say(self, f, line, what):
        self.findings.append((str(f.rel), line, what))

    def limit(self, f, line, key, length, limit, what):
        self.lengths[key] = length
        if length > max(limit, self.ratchet.get(key, 0)):
            self.say(f, line, f'{what} is {length} lines (limit {self.ratchet.get(key, limit)}); split it by job')

    def header(self, name):
        """The file that `#include "name"` means, or None."""
        if not hasattr(self, '_headers'):
            self._headers = {}
            for f in self.c:
                if f.path.suffix == '.h':
                    rel = f.rel.parts[1:] if f.top in ('src', 'include', 'tests') else f.rel.parts
                    self._headers['/'.join(rel)] = f
        return self._headers.get(name)


@rule
def file_comment(t):
    """A file opens with a comment: what it is for, what it is not, what always holds."""
    for f in t.c:
        m = re.match(r'/\*(.*?)\*/', f.text, flags=re.S)
        if not m or len(m[1].split()) < 4:
            t.say(f, 1, 'no file comment; say what this file is for, what it is not and what always holds')


@rule
def banned_calls(t):
    """No call that has a better replacement."""
    for f in t.c:
        banned = {**BANNED, **BANNED_CORE} if f.core else BANNED
        for n, line in enumerate(f.code, 1):
            line = re.sub(r'__attribute__\s*\(\(.*?\)\)', '', line)
            for word in re.findall(r'(?<![\w.>])(\w+)\s*\(|\b(errno)\b', line):
                word = word[0] or word[1]
                if word in banned:
                    where = ' in the core' if word in BANNED_CORE else ''
                    t.say(f, n, f'{word} is banned{where}; use {banned[word]}')


@rule
def includes_are_prefixed(t):
    """An include names its module; no "../"; nobody (but bench, which plays a peer) includes another module's _int.h,
    and nobody a .c file."""
    for f in t.c:
        for n, quoted, name in f.includes():
            if '..' in name.split('/'):
                t.say(f, n, f'"{name}" goes around the layer law; name the module: "module/file.h"')
            elif quoted and '/' not in name:
                t.say(f, n, f'"{name}" has no module; write "{f.module}/{name}"')
            elif quoted and name.endswith('.c'):
                t.say(f, n, f'"{name}" is not a header; link with it')
            elif name.endswith('_int.h'):
                home = name.rsplit('/', 1)[0]
                if f.module not in (home, home.replace('/', '-'), 'bench'):
                    t.say(f, n, f'{name} is internal to {home}; use its public header')


@rule
def no_platform_if(t):
    """No #if outside port/ but an include guard: the build chooses a file."""
    for f in t.c:
        if f.top == 'port' or not f.shipped:
            continue
        guard = guard_name(f)
        for n, line in enumerate(f.code, 1):
            m = re.match(r'\s*#\s*(?:el)?if(?:n?def)?\s+(.*)', line)
            if m and m[1].strip() not in (guard, f'!defined({guard})') and not MAY_IF.search(m[1]):
                t.say(f, n, f'#if {m[1].strip()} outside port/; choose a file instead (port/linux/, src/base/x86_64/)')


def guard_name(f):
    parts = f.rel.parts[1:] if f.top in ('src', 'include', 'tests') else f.rel.parts
    return re.sub(r'\W', '_', '_'.join(parts)).upper()


@rule
def headers_have_guards(t):
    """A header is guarded by its own name: MODULE_FILE_H."""
    for f in t.c:
        if f.path.suffix == '.h' and f.shipped:
            guard = guard_name(f)
            if not re.search(rf'^#ifndef {guard}\n#define {guard}\n', f.text, flags=re.M):
                t.say(f, 1, f'no include guard {guard}')


@rule
def functions_and_files_are_short(t):
    """A function has at most 70 lines, a file 800; what is in tools/tidy.ratchet may only get shorter."""
    for f in t.c:
        if f.shipped:
            t.limit(f, 1, str(f.rel), len(f.lines) - 1, FILE_LINES, 'the file')
        for name, line, length in f.functions():
            if f.shipped or name != 'main':       # a test program's main() is its table of contents
                t.limit(f, line, f'{f.rel}:{name}', length, FUNCTION_LINES, f'{name}()')
    for key, length in t.ratchet.items():
        if t.lengths.get(key, 0) <= (FUNCTION_LINES if ':' in key else FILE_LINES):
            t.findings.append(('tools/tidy.ratchet', 1, f'{key} is not long any more; run tools/tidy.py --ratchet'))


@rule
def headers_are_included(t):
    """A header that nobody includes is dead (the ABI in include/ is for others)."""
    used = {name for f in t.c for _, quoted, name in f.includes()}
    with_code = {f.module for f in t.c if f.path.suffix == '.c'}
    if 'apps/leat' not in with_code or {f.module for f in t.c if f.core} - with_code:
        return                            # a tree that is not whole yet is not expected to use all its headers
    for f in t.c:
        name = '/'.join(f.rel.parts[1:] if f.top in ('src', 'tests') else f.rel.parts)
        if f.path.suffix == '.h' and f.top != 'include' and name not in used:
            t.say(f, 1, 'header never included; remove it')


@rule
def no_god_header(t):
    """Outside base no header is included by more than a third of the sources; a module's own
    internal header, which nobody else may include, is not meant."""
    sources = [f for f in t.c if f.shipped and f.path.suffix == '.c']
    users = collections.Counter(name for f in sources for _, quoted, name in f.includes() if quoted)
    for name, n in users.items():
        h = t.header(name)
        if len(sources) > 30 and n > len(sources) * 0.34 and h and h.core and h.module != 'base' \
                and not name.endswith('_int.h'):
            t.say(h, 1, f'included by {n} of {len(sources)} sources; split it')


@rule
def no_include_cycle(t):
    """Headers do not include each other in a circle."""
    done = set()

    def visit(f, path):
        if f in path:
            circle = path[path.index(f):] + [f]
            t.say(f, 1, 'include cycle: ' + ' -> '.join(str(x.rel) for x in circle))
        elif f not in done:
            for _, quoted, name in f.includes():
                h = t.header(name) if quoted else None
                if h:
                    visit(h, path + [f])
            done.add(f)
    for f in t.c:
        if f.path.suffix == '.h':
            visit(f, [])


@rule
def layout(t):
    """Lines of at most 100 columns, tabs for indentation, no trailing blanks, one newline at the end."""
    for f in t.files:
        limit = COLUMNS if f.c else COLUMNS_TOOLS
        for n, line in enumerate(f.lines, 1):
            if len(line.expandtabs(8)) > limit:
                t.say(f, n, f'line exceeds {limit} columns')
            if line != line.rstrip():
                t.say(f, n, 'trailing blanks')
            if f.c and line.startswith('        ') and f.code[n - 1].strip():
                t.say(f, n, 'indented with spaces; use tabs of 8')
        if not f.text.endswith('\n') or f.text.endswith('\n\n'):
            t.say(f, len(f.lines), 'the file does not end in exactly one newline')


@rule
def marks(t):
    """No marks of unfinished work."""
    for f in t.files:
        for n, line in enumerate(f.lines, 1):
            m = re.search(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b', line)
            if m:
                t.say(f, n, f'{m[1]}; finish it, or describe it in an issue')


@rule
def rfc_grammar(t):
    """A clause is cited as `RFC NNNN §x.y`, so that a tool can list clause, code and test."""
    for f in t.c:
        for n, line in enumerate(f.lines, 1):
            for m in re.finditer(r'\bRFC[ -]?(\d+)(.{0,12})', line):
                if not re.match(r'RFC \d+$', m[0][:len(m[0]) - len(m[2])]):
                    t.say(f, n, f'"{m[0].strip()}"; write "RFC {m[1]} §x.y"')
                elif re.match(r',? ?([Ss]ection|[Ss]ec\.)', m[2]):
                    t.say(f, n, f'"{m[0].strip()}"; write "RFC {m[1]} §x.y"')


@rule
def drops_are_given_and_tested(t):
    """A reason to drop is given by the core, and a test names it as DROP_..."""
    h = t.header('base/drop.h')
    word = re.compile(r'\bDROP_\w+')
    given = {w for f in t.c if f.shipped and f.rel.stem != 'drop' for w in word.findall(f.text)}
    tested = {w for f in t.c if not f.shipped for w in word.findall(f.path.read_text(errors='replace'))}
    for n, line in enumerate(h.lines, 1):
        m = re.match(r'\s*X\((\w+),', line)
        if m and f'DROP_{m[1]}' not in given:
            t.say(h, n, f'DROP_{m[1]} is never given; remove it')
        elif m and f'DROP_{m[1]}' not in tested:
            t.say(h, n, f'DROP_{m[1]} is provoked by no test')


def main(args):
    root = next((a for a in args if not a.startswith('-')), os.path.join(os.path.dirname(__file__), '..'))
    t = Tree(root)
    for check in RULES:
        check(t)
    if '--ratchet' in args:
        kept = {k: min(v, t.lengths.get(k, 0)) for k, v in t.ratchet.items()}
        kept = {k: v for k, v in kept.items() if v > (FUNCTION_LINES if ':' in k else FILE_LINES)}
        t.ratchet_file.write_text(''.join(f'{k} {v}\n' for k, v in sorted(kept.items())))
    for rel, line, what in sorted(set(t.findings)):
        print(f'{rel}:{line}: {what}')
    return 1 if t.findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
