/** How fast the library is: one JMH class per subject, each checking what it measures. */
@NullMarked
package io.github.baichuanreward.benchmarks;

import org.jspecify.annotations.NullMarked;
