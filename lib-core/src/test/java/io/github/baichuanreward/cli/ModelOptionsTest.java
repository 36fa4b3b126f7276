package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.LoadOptions;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class ModelOptionsTest {

    @Test
    void nothingGivenIsTheDefaults() {
        assertThat(options()).isEqualTo(LoadOptions.defaults());
        assertThat(LoadOptions.defaults().cudaLibraries()).isNull();
    }

    @Test
    void theFolderOfCudasLibrariesIsPassedOn() {
        LoadOptions options = options("--cuda_libraries", "venv/nvidia", "--threads", "3");

        assertThat(options.cudaLibraries()).isEqualTo(Path.of("venv/nvidia"));
        assertThat(options)
                .isEqualTo(
                        LoadOptions.defaults()
                                .withCudaLibraries(Path.of("venv/nvidia"))
                                .withThreads(3));
    }

    private static LoadOptions options(String... args) {
        ModelOptions options = new ModelOptions();
        new CommandLine(CommandLine.Model.CommandSpec.create().addMixin("model", mixin(options)))
                .parseArgs(args);
        return options.options();
    }

    @Test
    void devicesAreNumbersInTheirOrder() {
        assertThat(options("--devices", "1,0").devices()).containsExactly(1, 0);
        assertThat(options().devices()).isEmpty();
    }

    private static CommandLine.Model.CommandSpec mixin(ModelOptions options) {
        return CommandLine.Model.CommandSpec.forAnnotatedObject(options);
    }
}
