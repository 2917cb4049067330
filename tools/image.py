#!/usr/bin/env python3
"""image: what the linker cannot do for the boot image.

usage: image.py site FOLDER OUT.S        the files of a folder as a tar archive in assembler
       image.py finish IN OUT            checks the linked image, and writes the names of its functions into it

The archive is the same whenever the files are: sorted, without owners, with the times of the files.
"""
import io, pathlib, struct, subprocess, sys, tarfile


def site(folder, out):
    root, data = pathlib.Path(folder), io.BytesIO()
    with tarfile.open(fileobj=data, mode='w', format=tarfile.GNU_FORMAT) as tar:
        for p in sorted(root.rglob('*')):
            if p.is_file() or p.is_dir():
                info = tar.gettarinfo(p, str(p.relative_to(root)))
                info.uid = info.gid = 0
                info.uname = info.gname = ''
                tar.addfile(info, p.open('rb') if p.is_file() else None)
    b = data.getvalue()
    lines = [','.join(str(x) for x in b[i:i + 64]) for i in range(0, len(b), 64)]
    pathlib.Path(out).write_text('\t.section .site, "a"\n\t.globl metal_site, metal_site_end\n' +
                                 ''.join(f'\t.byte {line}\n' for line in lines) +
                                 '\t.section .note.GNU-stack, "", @progbits\n')


class Elf:
    """An ELF64 file of this kind of machine, as far as it is needed here."""

    def __init__(self, data):
        self.data = data
        assert data[:6] == b'\x7fELF\x02\x01', 'not an ELF64'
        phoff, shoff = struct.unpack_from('<QQ', data, 32)
        phsize, phn, shsize, shn, names = struct.unpack_from('<5H', data, 54)
        self.loads = [h for h in (struct.unpack_from('<IIQQQQQQ', data, phoff + i * phsize) for i in range(phn))
                      if h[0] == 1]
        raw = [struct.unpack_from('<IIQQQQIIQQ', data, shoff + i * shsize) for i in range(shn)]
        text = raw[names]
        self.sections = {self.string(text, h[0]): h for h in raw}

    def string(self, section, at):
        start = section[4] + at
        return self.data[start:self.data.index(b'\0', start)].decode()

    def symbols(self):
        """(name, value, type)"""
        table, names = self.sections['.symtab'], self.sections['.strtab']
        for i in range(table[5] // 24):
            name, info, _, _, value, _ = struct.unpack_from('<IBBHQQ', self.data, table[4] + i * 24)
            yield self.string(names, name), value, info & 15


def names_of(elf):
    """The table that port/metal/symbols.c reads."""
    functions = sorted({(value, name) for name, value, kind in elf.symbols() if kind == 2 and value})
    entries, names = b'', b''
    for value, name in functions:
        entries += struct.pack('<II', value, len(names))
        names += name.split('.')[0].encode() + b'\0'
    return struct.pack('<I', len(functions)) + entries + names


def fail(what):
    sys.exit(f'image: {what}')


def check(elf):
    """What a multiboot loader and the page tables rely on."""
    values = {name: value for name, value, _ in elf.symbols()}
    header = elf.data.find(struct.pack('<I', 0x1badb002))
    if not 0 < header < 8192:
        fail('the multiboot header is not in the first 8 KiB')
    for kind, flags, off, at, *_ in elf.loads:
        if flags & 3 == 3:
            fail(f'the part at {at:#x} may be written and executed')
        if off - at != header - values['metal_text']:
            fail(f'the part at {at:#x} is not where a multiboot loader puts it; see port/metal/link.ld')


def finish(source, out):
    subprocess.run(['objcopy', '--strip-debug', source, out], check=True)
    elf = Elf(bytearray(pathlib.Path(out).read_bytes()))
    check(elf)
    table = names_of(elf)
    values = {name: value for name, value, _ in elf.symbols()}
    at, room = values['metal_symbols'], values['metal_symbols_end'] - values['metal_symbols']
    if len(table) > room:
        fail(f'names of functions take {len(table)} bytes of {room}; enlarge metal_symbol_room in port/metal/start.S')
    for kind, flags, off, start, _, size, *_ in elf.loads:
        if start <= at < start + size:
            elf.data[off + at - start:off + at - start + len(table)] = table
    pathlib.Path(out).write_bytes(elf.data)
    pathlib.Path(out).chmod(0o755)


if __name__ == '__main__':
    {'site': site, 'finish': finish}[sys.argv[1]](*sys.argv[2:])
