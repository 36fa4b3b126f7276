/**
 * One place that shows what was measured: {@code benchmarks/README.md} and its charts, written from
 * the dated files in {@code benchmarks/results} alone.
 *
 * <p>{@link io.github.baichuanreward.benchmarks.results.ResultFile} reads a result, {@code
 * benchmarks/subjects.json} says what of each kind is shown, and {@link
 * io.github.baichuanreward.benchmarks.results.Redraw} writes it.
 */
@NullMarked
package io.github.baichuanreward.benchmarks.results;

import org.jspecify.annotations.NullMarked;
