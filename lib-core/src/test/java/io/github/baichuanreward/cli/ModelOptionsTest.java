package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.LoadOptions;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class ModelOptionsTest {

    @Test
    void nothingGivenIsTheDefaults() {
        assertThat(options()).isEqualTo(LoadOptions.defaults());
        assertThat(LoadOptions.defaults().gpus().libraries()).isNull();
    }

    @Test
    void theFolderOfCudasLibrariesIsPassedOn() {
        LoadOptions options = options("--cuda_libraries", "venv/nvidia", "--threads", "3");

        assertThat(options.gpus().libraries()).isEqualTo(Path.of("venv/nvidia"));
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
        assertThat(options("--devices", "1,0,1").gpus().devices()).containsExactly(1, 0, 1);
        assertThat(options().gpus().devices()).isEmpty();
    }

    @Test
    void layersGoToDevicesInTheirOrder() {
        assertThat(options("--layers_per_device", "24,16").gpus().layersPerDevice())
                .containsExactly(24, 16);
        assertThat(options().gpus().layersPerDevice()).isEmpty();
        assertThatThrownBy(() -> options("--layers_per_device", "40,0"))
                .hasMessageContaining("--layers_per_device")
                .hasMessageContaining("0");
    }

    @Test
    void layersStayInTheHostsMemoryIfAskedTo() {
        assertThat(options("--offload").gpus().offload()).isTrue();
        assertThat(options().gpus().offload()).isFalse();
    }

    private static CommandLine.Model.CommandSpec mixin(ModelOptions options) {
        return CommandLine.Model.CommandSpec.forAnnotatedObject(options);
    }
}
