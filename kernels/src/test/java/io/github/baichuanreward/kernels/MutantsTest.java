package io.github.baichuanreward.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.kernels.Mutants.Place;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What of a CUDA source is rewritten, and into what. */
class MutantsTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "sync_block();                   # { if (!mutant(1)) { sync_block(); } }",
                "a(); sync_warp(); b();          # a(); { if (!mutant(1)) { sync_warp(); } } b();",
                "if (x) sync_block(); else y();  # if (x) { if (!mutant(1)) { sync_block(); } } else y();",
                "if (x) y(); else sync_block();  # if (x) y(); else { if (!mutant(1)) { sync_block(); } }",
                "cp_async_commit();              # { if (!mutant(1)) { cp_async_commit(); } }",
                "cp_async_wait<S - 2>();         # { if (!mutant(1)) { if (mutant(2)) { cp_async_wait<S - 2 + 1>(); } else cp_async_wait<S - 2>(); } }",
                "sync_warp();sync_block();       # { if (!mutant(1)) { sync_warp(); } }{ if (!mutant(2)) { sync_block(); } }",
            })
    void statements(String source, String rewritten) {
        assertThat(rewrite(source)).isEqualTo(rewritten);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "if (a < b) x();            # if ((mutant(1) || (a < b))) x();",
                "if (a<=b && c) x();        # if ((mutant(1) || (a<=b)) && c) x();",
                "if (a < b && c + 1 < d) {} # if ((mutant(1) || (a < b)) && (mutant(2) || (c + 1 < d))) {}",
                "if (a >= b || c < d) {}    # if ((!mutant(1) && (a >= b)) || (mutant(2) || (c < d))) {}",
                "else if (a > b) return;    # else if ((!mutant(1) && (a > b))) return;",
                "if ((a < b || c) && d) {}  # if (((mutant(1) || (a < b)) || c) && d) {}",
                "if (!(a < b)) {}           # if (!((mutant(1) || (a < b)))) {}",
                "if (f(a, b) < g[c < d]) {} # if ((mutant(1) || (f(a, b) < g[c < d]))) {}",
                "if (int i = f(); i < n) {} # if (int i = f(); (mutant(1) || (i < n))) {}",
                "if (f<E, S>(a) < n) {}     # if ((mutant(1) || (f<E, S>(a) < n))) {}",
                "if (f<g<E>>(a) < n) {}     # if ((mutant(1) || (f<g<E>>(a) < n))) {}",
                "if (a >> 3 < n) {}         # if ((mutant(1) || (a >> 3 < n))) {}",
                "if (a < 1 << 3) {}         # if ((mutant(1) || (a < 1 << 3))) {}",
                "const bool in = a < b;     # const bool in = (mutant(1) || (a < b));",
                "const bool in = c && a < b && f(c);  # const bool in = c && (mutant(1) || (a < b)) && f(c);",
                "const bool p = a < b, q = c <= d;    # const bool p = (mutant(1) || (a < b)), q = (mutant(2) || (c <= d));",
                "const bool in = a ? b < c : d;       # const bool in = a ? (mutant(1) || (b < c)) : d;",
            })
    void boundsChecks(String source, String rewritten) {
        assertThat(rewrite(source)).isEqualTo(rewritten);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "for (int i = 0; i < n; i++) x();",
                "while (i < n) i++;",
                "if constexpr (N < 3) x();",
                "static_assert(N < 3, \"few\");",
                "// sync_block(); if (a < b)",
                "/* sync_block();\n if (a < b) */",
                "x(\"sync_block(); if (a < \\\"b)\");",
                "#define F if (a < b) \\\n sync_block();\n",
                "const bool outside = a > b;",
                "constexpr bool few = N < 3;",
                "bool f(const bool a, int b);",
                "int c = a < b ? a : b;",
                "if (a == b || a != c) x();",
                "if (f<E, S>(a)) x();",
                "if (p->q) x();",
                "#if A < B\nDEVICE void sync_block() { __syncthreads(); }\n#endif\n",
            })
    void whatStaysAsItIs(String source) {
        assertThat(rewrite(source)).isEqualTo(source);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "int x = (sync_warp(), 3);  # a.cu:1: sync_warp is not a statement of its own",
                "void sync_block() {}       # a.cu:1: sync_block is not a statement of its own",
                "if (a < b < c) x();        # a.cu:1: two comparisons in one",
                "if (a < b x();             # a.cu:1: never closed",
            })
    void whatBreaksTheConventions(String source, String message) {
        assertThatThrownBy(() -> rewrite(source))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void placesSayWhereTheyAreAndKeepTheirNames() {
        String source =
                """
                void f() {
                    sync_block();
                    if (row + 1
                            < rows) x();
                    sync_block();  // again
                    cp_async_wait<0>();
                }
                """;
        List<Place> places = Mutants.rewrite("a.cu", source, 7).places();

        assertThat(places)
                .extracting(Place::title)
                .containsExactly(
                        "a.cu:2 without sync_block()",
                        "a.cu:3 without row + 1 < rows",
                        "a.cu:5 without sync_block()",
                        "a.cu:6 without cp_async_wait<0>()",
                        "a.cu:6 with cp_async_wait<0 + 1>()");
        assertThat(places)
                .extracting(Place::name)
                .containsExactly(
                        "a.cu without sync_block() (1 of 2)",
                        "a.cu without row + 1 < rows",
                        "a.cu without sync_block() (2 of 2)",
                        "a.cu without cp_async_wait<0>()",
                        "a.cu with cp_async_wait<0 + 1>()");
        assertThat(places).extracting(Place::number).containsExactly(7, 8, 9, 10, 11);
    }

    @Test
    void theConditionsOfTheCompilerKeepTheirCode() {
        String source =
                """
                #ifdef __CUDACC__
                DEVICE void sync_block() { if (a < b) __syncthreads(); }
                #endif
                DEVICE void f() {
                    sync_block();
                }
                """;

        assertThat(rewrite(source))
                .isEqualTo(
                        source.replace(
                                "    sync_block();", "    { if (!mutant(1)) { sync_block(); } }"));
    }

    private static String rewrite(String source) {
        return Mutants.rewrite("a.cu", source, 1).text();
    }
}
