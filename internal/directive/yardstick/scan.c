// A yardstick for the evaluation of a set: the plain scan that osproxy's DirectiveSet makes, in C.
// A decision takes three passes over the directives: the level, the ring buffer and the capture.
// The program prints lines in the format of Go benchmarks. `make bench` builds and runs it.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
	const char *text; // NULL if the field is not set
	size_t len;
} name;

typedef struct {
	name tenant, index, principal, id;
	int endpoint; // 0 if it is not set
} request;

typedef struct {
	name tenant, index, principal;
	int64_t expires_at;
	int endpoint;
	int level;
	int sample_per_mille;
	bool ring_buffer, capture;
} directive;

static bool selects(name want, name got) {
	return want.text == NULL || (got.text != NULL && want.len == got.len && memcmp(want.text, got.text, want.len) == 0);
}

static uint64_t fnv1a(name id) {
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < id.len; i++) {
		h = (h ^ (uint8_t)id.text[i]) * 1099511628211u;
	}
	return h;
}

static bool applies(const directive *d, const request *r, int64_t now) {
	return now < d->expires_at && selects(d->tenant, r->tenant) && selects(d->index, r->index) &&
	       selects(d->principal, r->principal) && (d->endpoint == 0 || d->endpoint == r->endpoint) &&
	       (d->sample_per_mille >= 1000 || fnv1a(r->id) % 1000 < (uint64_t)d->sample_per_mille);
}

static __attribute__((noinline)) int level(const directive *d, size_t n, const request *r, int64_t now) {
	int highest = 0;
	for (size_t i = 0; i < n; i++) {
		if (applies(&d[i], r, now) && d[i].level > highest) {
			highest = d[i].level;
		}
	}
	return highest;
}

static __attribute__((noinline)) bool ring_buffer(const directive *d, size_t n, const request *r, int64_t now) {
	for (size_t i = 0; i < n; i++) {
		if (d[i].ring_buffer && applies(&d[i], r, now)) {
			return true;
		}
	}
	return false;
}

static __attribute__((noinline)) bool capture(const directive *d, size_t n, const request *r, int64_t now) {
	for (size_t i = 0; i < n; i++) {
		if (d[i].capture && applies(&d[i], r, now)) {
			return true;
		}
	}
	return false;
}

static double seconds(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void bench(const char *what, const directive *d, size_t n, const request *r, int passes) {
	volatile int sink = 0;
	const int64_t now = 1000;
	for (long rounds = 1;; rounds *= 2) {
		double began = seconds();
		for (long i = 0; i < rounds; i++) {
			__asm__ volatile("" : : "r"(d), "r"(r) : "memory");
			int got = level(d, n, r, now);
			if (passes == 3) {
				got |= ring_buffer(d, n, r, now) << 4 | capture(d, n, r, now) << 5;
			}
			sink = got;
		}
		double took = seconds() - began;
		if (took > 0.3) {
			printf("BenchmarkScanC/%s/passes=%d\t%ld\t%.2f ns/op\n", what, passes, rounds, took * 1e9 / (double)rounds);
			return;
		}
	}
	(void)sink;
}

static name text(const char *s) { return (name){s, strlen(s)}; }

static directive *others(size_t n, const char *format) {
	directive *all = calloc(n, sizeof *all);
	for (size_t i = 0; i < n; i++) {
		char *tenant = malloc(64);
		snprintf(tenant, 64, format, (unsigned)(i + 1));
		all[i] = (directive){.tenant = text(tenant), .level = 2, .sample_per_mille = 1000, .expires_at = 1 << 30};
	}
	return all;
}

int main(void) {
	const char *prefixed = "tenant-%05u", *uuid = "0d9b5a7e-3f0a-4a53-9f6b-3b1c%08x";
	char id[129];
	memset(id, 'x', sizeof id);
	memcpy(id, "0d9b5a7e-3f0a-4a53-9f6b-3b1c9a1f7c55", 36);
	request r = {text("tenant-00000"), text("orders"), text("svc"), {id, 36}, 3};

	bench("empty", NULL, 0, &r, 1);
	bench("empty", NULL, 0, &r, 3);
	directive two[2] = {
		{.tenant = r.tenant, .level = 2, .sample_per_mille = 400, .expires_at = 1 << 30},
		{.level = 1, .sample_per_mille = 1000, .expires_at = 1 << 30},
	};
	const size_t lengths[] = {8, 36, 128};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		char what[32];
		r.id.len = lengths[i];
		snprintf(what, sizeof what, "sampled/id=%zu", lengths[i]);
		bench(what, two, 2, &r, 1);
		bench(what, two, 2, &r, 3);
	}
	r.id.len = 36;
	const size_t sizes[] = {8, 64, 1024, 10000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char what[32];
		snprintf(what, sizeof what, "others=%zu/prefix", sizes[i]);
		directive *all = others(sizes[i], prefixed);
		bench(what, all, sizes[i], &r, 1);
		bench(what, all, sizes[i], &r, 3);
		if (sizes[i] == 10000) {
			all[5000].tenant = r.tenant;
			bench("one of 10000", all, sizes[i], &r, 3);
		}
		request u = r;
		u.tenant = text("0d9b5a7e-3f0a-4a53-9f6b-3b1cffffffff");
		snprintf(what, sizeof what, "others=%zu/uuid", sizes[i]);
		all = others(sizes[i], uuid);
		bench(what, all, sizes[i], &u, 1);
		bench(what, all, sizes[i], &u, 3);
	}
	return 0;
}
