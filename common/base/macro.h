/*
 * The few macros that every room may use.
 *
 * There is no project-wide header; this one exists because C has no container_of, no array length
 * and no scope exit of its own.
 */
#pragma once

#include <stddef.h>

/* The structure of type TYPE whose member MEMBER is at PTR. */
#define container_of(PTR, TYPE, MEMBER) ((TYPE *)((char *)(PTR)-offsetof(TYPE, MEMBER)))

#define ARRAY_LEN(A) (sizeof(A) / sizeof((A)[0]))

/* Runs FN on the address of the variable when it leaves its scope. */
#define cleanup(FN) __attribute__((cleanup(FN)))

/* The compiler checks the arguments of FN like those of printf. */
#define printf_like(FMT, FIRST) __attribute__((format(printf, FMT, FIRST)))

/* Of two values, not of two calls: one of them is evaluated twice. */
#define MIN(A, B) ((A) < (B) ? (A) : (B))
#define MAX(A, B) ((A) > (B) ? (A) : (B))
