# leat: one line a verb; what a verb does, when that is longer than a line, is in tools/<verb>.sh.
# CC=clang, BUILD=folder and MESON_ARGS=... are passed on.

SHELL := /bin/bash
export BUILD ?= build
.DEFAULT_GOAL := help
.PHONY: help setup build serve test check sockcheck million sim model many fuzz bench interop frames soak img qemu boot docs install clean

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18
setup: ## install the Debian packages that leat needs, those that are missing
	@SAY=1 tools/setup.sh build test fuzz
build: ## build/leat, build/libleat.so, build/libleat.a
	@tools/build.sh results
serve: build ## serve a web site through leat's own TCP [DIR=folder ARGS='--port 8080']
	@exec $(BUILD)/leat serve $(DIR) $(ARGS)
test: ## all tests, under three minutes
	@tools/test.sh
check: ## the tests, then all of them again under ASan and UBSan
	@tools/check.sh
million: ## a million idle connections, a million more that come and go [ARGS=n]
	@tools/build.sh tests/million
	@$(BUILD)/tests/million $(ARGS)
sockcheck: ## the same checks of sockets and epoll against Linux and against leat [ARGS='-v PATTERN']
	@tools/build.sh tests/sockcheck
	@$(BUILD)/tests/sockcheck docs/sockets.md $(ARGS)
sim: ## simulated networks with faults [SEEDS=n | SEED=x] [FLOOD=1: under a SYN flood] [TABLE=cubic: throughput]
	@tools/sim.sh
many: ## a million idle connections in one process, a million more beside them [CONNS=n]
	@tools/many.sh
model: ## every order of events between two stacks in a small world [FOR=seconds]
	@tools/model.sh
fuzz: ## every fuzzer for a while, one minute in all [SECONDS_EACH=n FUZZERS=name]
	@tools/fuzz.sh
bench: ## cycles and instructions of a request between two stacks [ARGS='CASE ...']
	@tools/bench.sh $(ARGS)
interop: ## every kind of link against the kernel, minutes [WORDS='tap ...']
	@tools/interop.sh
frames: ## frames a second and cycles a frame of each driver [KINDS="wire packet ..."]
	@tools/frames.sh
soak: ## ten minutes of load on the boot image; its memory must stay flat [MINUTES=n MACHINE= NIC=]
	@tools/soak.sh
img: ## the boot image: build/leat.elf and a disc [SITE=folder CMDLINE='ip=...']
	@tools/img.sh
qemu: ## boot it and serve on port 8080 [NIC=virtio|e1000|rtl8139 MACHINE=microvm|pc|q35]
	@tools/qemu.sh
boot: ## test the boot image on every machine with every card [CASES='word ...']
	@tools/boot.sh $(CASES)
docs: ## check the documents, render them to build/docs
	@tools/docs.sh
install: build ## install the program, the libraries and the headers [DESTDIR=]
	@meson install -C $(BUILD) --no-rebuild
clean: ## remove what was built
	rm -rf build build-*/
