/**
 * What {@code benchmarks/cpu-peers} runs: a synthetic model in two formats, tasks with their token
 * ids, this library's turn, and the report.
 */
@NullMarked
package io.github.baichuanreward.benchmarks.peers;

import org.jspecify.annotations.NullMarked;
