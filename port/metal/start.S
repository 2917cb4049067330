/* From the loader to C, and from interrupts to C.
 *
 * Both loaders (PVH and multiboot) enter at metal_start in 32-bit mode without paging, with the
 * address of what they have to say in %ebx.  What lies in %eax differs by loader and machine and is
 * not believed: boot.c looks at what %ebx points to. */

#define PRESENT_WRITE 0x3
#define LARGE 0x80

	.section .boot, "ax"
	.balign 8
multiboot:			/* Multiboot 0.6.96, 3.1.1 */
	.long 0x1badb002
	.long 0x00010003	/* modules on pages, memory information, the addresses below */
	.long -(0x1badb002 + 0x00010003)
	.long multiboot
	.long metal_image
	.long metal_data_end
	.long metal_end
	.long metal_start

	.code32
	.globl metal_start
metal_start:
	cli
	cld
	movl %ebx, %ebp
	movl $metal_stack_end, %esp

	/* The first 4 GiB where they are, in pages of 2 MiB; paging.c refines it. */
	movl $metal_pages + PRESENT_WRITE, %eax		/* [0]: level 4, [1]: level 3, [2..5]: 2 */
	leal 0x1000(%eax), %ecx
	movl %ecx, metal_pages
	movl $metal_pages + 0x1000, %edi
	movl $4, %edx
1:	addl $0x1000, %ecx
	movl %ecx, (%edi)
	addl $8, %edi
	decl %edx
	jnz 1b
	movl $metal_pages + 0x2000, %edi
	movl $(LARGE | PRESENT_WRITE), %eax
	movl $2048, %ecx
2:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	decl %ecx
	jnz 2b

	movl %cr4, %eax
	orl $0x20, %eax			/* physical address extension */
	movl %eax, %cr4
	movl $metal_pages, %eax
	movl %eax, %cr3
	movl $0x80000001, %eax
	cpuid
	movl $0x100, %esi		/* long mode */
	testl $(1 << 20), %edx
	jz 3f
	orl $0x800, %esi		/* no execute */
3:	movl $0xc0000080, %ecx
	rdmsr
	orl %esi, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80010001, %eax		/* paging; write protection binds us too */
	andl $~0x60000000, %eax		/* caches on */
	movl %eax, %cr0
	lgdt gdt_at
	ljmp $0x08, $start64

	.code64
start64:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl %ebp, %edi
	xorl %ebp, %ebp			/* where backtraces end */
	leaq metal_stack_end, %rsp
	call kernel_main
	ud2

	.balign 8
	.globl metal_gdt
gdt_at:
	.word 5 * 8 - 1
	.long metal_gdt

/* ---- interrupts: each vector has a stub, all meet in `common` */

	.text
	.macro stub n
	.balign 16
	.if !((\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21) || (\n == 29) || (\n == 30))
	pushq $0
	.endif
	pushq $\n
	jmp common
	.endm

	.balign 16
	.globl metal_stubs
metal_stubs:
	.set n, 0
	.rept 256
	stub n
	.set n, n + 1
	.endr

common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call metal_trap
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

/* ---- data */

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long metal_start

	.data
	.balign 16
metal_gdt:
	.quad 0
	.quad 0x00af9a000000ffff	/* code, 64 bits */
	.quad 0x00cf92000000ffff	/* data */
	.quad 0, 0			/* the task segment: trap.c */

	.bss
	.balign 4096
	.globl metal_pages
metal_pages:
	.skip 6 * 4096

	.section .stacks, "aw", @nobits
	.balign 4096
	.globl metal_stack_guard, metal_stack, metal_stack_end
metal_stack_guard:
	.skip 4096
metal_stack:
	.skip 65536
metal_stack_end:
	.globl metal_fault_guard, metal_fault_stack_end
metal_fault_guard:
	.skip 4096
	.skip 16384
metal_fault_stack_end:

	.section .symbols, "a"
	.globl metal_symbol_room
metal_symbol_room:
	.skip 65536

	.section .note.GNU-stack, "", @progbits
