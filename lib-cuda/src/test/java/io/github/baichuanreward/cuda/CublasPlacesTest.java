package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.cuda.CublasPlaces.Found;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CublasPlacesTest {

    private static final String WHEELS = "lib/python3.11/site-packages/nvidia/";

    @TempDir Path root;

    @Test
    void looksIntoTheFolderGivenAndIntoItsLibraryFolders() throws IOException {
        for (String folder : List.of("", "lib/", "lib64/", "cublas/lib/", "cu13/lib/")) {
            Path given = root.resolve("given " + folder.replace('/', '-'));
            Path file = write(given + "/" + folder + "libcublas.so.13");

            assertThat(CublasPlaces.only(given).found()).containsExactly(new Found(file, 13));
        }
        assertThat(CublasPlaces.only(root.resolve("nowhere")).found()).isEmpty();
    }

    @Test
    void twelveComesBeforeThirteenInTheFolderGiven() throws IOException {
        Path thirteen = write(root + "/cu13/lib/libcublas.so.13");
        Path twelve = write(root + "/cublas/lib/libcublas.so.12");
        write(root + "/cublas/lib/libcublas.so.11");
        write(root + "/cublas/lib/libcublas.so");

        assertThat(CublasPlaces.only(root).found())
                .containsExactly(new Found(twelve, 12), new Found(thirteen, 13));
        assertThat(new Found(twelve, 12).light())
                .isEqualTo(root.resolve("cublas/lib/libcublasLt.so.12"));
    }

    @Test
    void aFileIsAbsoluteWhateverWasGiven() throws IOException {
        write(root + "/libcublas.so.12");
        Path relative = Path.of("").toAbsolutePath().relativize(root);

        assertThat(CublasPlaces.only(relative).found().get(0).file()).isAbsolute().exists();
    }

    @Test
    void theUsualPlacesHaveAnOrder() throws IOException {
        Map<String, String> environment =
                Map.of(
                        "VIRTUAL_ENV", root + "/venv",
                        "CONDA_PREFIX", root + "/conda",
                        "CUDA_HOME", root + "/home",
                        "CUDA_PATH", root + "/path");
        List<Path> expected =
                List.of(
                        write(root + "/venv/" + WHEELS + "cublas/lib/libcublas.so.12"),
                        write(root + "/venv/" + WHEELS + "cu13/lib/libcublas.so.13"),
                        write(root + "/conda/" + WHEELS + "cublas/lib/libcublas.so.12"),
                        write(root + "/conda/lib/libcublas.so.12"),
                        write(root + "/home/lib64/libcublas.so.13"),
                        write(root + "/path/targets/x86_64-linux/lib/libcublas.so.12"),
                        write(root + "/usr/local/cuda/lib64/libcublas.so.13"),
                        write(root + "/usr/local/cuda-13.0/lib64/libcublas.so.13"),
                        write(root + "/usr/local/cuda-12.10/lib64/libcublas.so.12"),
                        write(root + "/usr/local/cuda-12.9/lib64/libcublas.so.12"),
                        write(root + "/usr/local/cuda-12/lib64/libcublas.so.12"),
                        write(root + "/opt/cuda/lib64/libcublas.so.13"));

        assertThat(CublasPlaces.usual(environment, root).found())
                .extracting(Found::file)
                .containsExactlyElementsOf(expected);
    }

    @Test
    void allPlacesAreNamed() throws IOException {
        write(root + "/usr/local/cuda-12.4/version.json");

        assertThat(CublasPlaces.usual(Map.of("CUDA_HOME", "/x", "CUDA_PATH", ""), root).names())
                .isEqualTo(
                        ("VIRTUAL_ENV (not set), CONDA_PREFIX (not set), CUDA_HOME=/x,"
                                        + " CUDA_PATH (not set), %s/usr/local/cuda,"
                                        + " %<s/usr/local/cuda-12.4, %<s/opt/cuda")
                                .formatted(root));
    }

    private static Path write(String file) throws IOException {
        Path path = Path.of(file).normalize();
        Files.createDirectories(path.getParent());
        return Files.writeString(path, "");
    }
}
