package io.github.baichuanreward.benchmarks.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RedrawTest {

    private static final Path BENCHMARKS = Path.of("").toAbsolutePath();

    private static final String SUBJECTS =
            """
            [
              {
                "kind": "rates-*",
                "title": "Rates",
                "command": "benchmarks/rates",
                "about": "How fast it is.",
                "parts": [
                  {
                    "columns": { "n": "tokens", "rate": "tokens/s" },
                    "chart": { "name": "chart", "title": "Tokens a second", "groups": "tokens", "values": ["tokens/s"] }
                  },
                  { "title": "More", "section": "More", "optional": true }
                ]
              }
            ]
            """;

    private static final String RESULT =
            """
            # Rates of a machine

            Command: `benchmarks/rates --quick`

            | n | rate | unused |
            |---|---|---|
            | 8 | %s | x |

            ```json
            { "date": "%s", "commit": "abcdef0", "machine": "a machine", "versions": ["Java 17"] }
            ```
            """;

    @TempDir private Path folder;

    @Test
    void everyCommittedFileIsWhatTheCommandWrites() throws IOException {
        Map<String, String> files = Redraw.files(BENCHMARKS);

        for (Map.Entry<String, String> file : files.entrySet()) {
            Path path = BENCHMARKS.resolve(file.getKey());
            assertThat(path).as("run %s, and commit what it writes", Redraw.COMMAND).exists();
            assertThat(Files.readString(path))
                    .as("%s; run %s, and commit what it writes", file.getKey(), Redraw.COMMAND)
                    .isEqualTo(file.getValue());
        }
        assertThat(Redraw.charts(BENCHMARKS))
                .as("charts that nothing shows; run %s", Redraw.COMMAND)
                .allMatch(chart -> files.containsKey(Redraw.name(BENCHMARKS, chart)));
    }

    @Test
    void showsTheNewestOfEachKind() throws IOException {
        write("2026-01-02-rates-cpu.md", RESULT.formatted("1.5", "2026-01-02"));
        write("2026-01-03-rates-cpu.md", RESULT.formatted("2.5 (2.4 to 2.6)", "2026-01-03"));
        write("2025-12-31-rates-gpu.md", RESULT.formatted("9.5", "2025-12-31"));

        Map<String, String> files = redrawn();

        assertThat(files.keySet())
                .containsExactlyInAnyOrder(
                        "README.md", "charts/rates-cpu-chart.svg", "charts/rates-gpu-chart.svg");
        assertThat(files.get("README.md"))
                .contains(
                        "| [Rates](#rates) | `benchmarks/rates` | [2026-01-03](results/2026-01-03-rates-cpu.md), [2025-12-31](results/2025-12-31-rates-gpu.md) |\n")
                .contains(
                        """
                        ## Rates

                        How fast it is.

                        2026-01-03, commit abcdef0, on a machine, with Java 17. All of it: [Rates of a machine](results/2026-01-03-rates-cpu.md).

                        Command: `benchmarks/rates --quick`

                        ![Tokens a second](charts/rates-cpu-chart.svg)

                        | tokens | tokens/s |
                        |--:|--:|
                        | 8 | 2.5 (2.4 to 2.6) |
                        """)
                .contains("| 8 | 9.5 |")
                .doesNotContain("1.5", "### More");
    }

    @Test
    void deletesChartsThatNothingShows() throws IOException {
        write("2026-01-02-rates-cpu.md", RESULT.formatted("1.5", "2026-01-02"));
        Files.createDirectories(folder.resolve("charts"));
        Files.writeString(folder.resolve("charts/old.svg"), "");

        Redraw.main(new String[] {folder.toString()});

        assertThat(folder.resolve("charts/old.svg")).doesNotExist();
        assertThat(folder.resolve("charts/rates-cpu-chart.svg")).isNotEmptyFile();
    }

    @Test
    void saysWhatHasNoResultYet() throws IOException {
        Files.createDirectories(folder.resolve("results"));

        assertThat(redrawn().get("README.md"))
                .contains("| [Rates](#rates) | `benchmarks/rates` | none yet |")
                .contains("No result yet: `benchmarks/rates` writes one.");
    }

    @Test
    void refusesAResultThatNoSubjectShows() throws IOException {
        write("2026-01-02-other.md", RESULT.formatted("1.5", "2026-01-02"));

        assertThatThrownBy(this::redrawn)
                .hasMessage(
                        "2026-01-02-other.md: subjects.json does not say what is shown of kind \"other\"");
    }

    @Test
    void refusesATableWithoutItsCommand() throws IOException {
        write(
                "2026-01-02-rates-cpu.md",
                RESULT.formatted("1.5", "2026-01-02").replace("Command:", "Run:"));

        assertThatThrownBy(this::redrawn)
                .hasMessageContaining("2026-01-02-rates-cpu.md: no line \"Command: `...`\"");
    }

    private Map<String, String> redrawn() throws IOException {
        Files.writeString(folder.resolve("subjects.json"), SUBJECTS);
        return Redraw.files(folder);
    }

    private void write(String name, String text) throws IOException {
        Files.createDirectories(folder.resolve("results"));
        Files.writeString(folder.resolve("results").resolve(name), text);
        Files.writeString(folder.resolve("subjects.json"), SUBJECTS);
    }
}
