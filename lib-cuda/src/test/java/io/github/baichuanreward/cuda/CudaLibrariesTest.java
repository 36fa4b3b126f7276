package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CudaLibrariesTest {

    @Test
    void theLibraryThatIsMissingIsNamedWithTheRemedy() {
        String message =
                """
                Error while loading native library "JCudaDriver-12.6.0-linux-x86_64"
                ---(start of nested stack traces)---
                java.lang.UnsatisfiedLinkError: no JCudaDriver-12.6.0-linux-x86_64 in java.library.path
                java.lang.UnsatisfiedLinkError: /tmp/libJCudaDriver.so: libcuda.so.1: cannot open shared object file: No such file or directory
                """;
        assertThat(CudaLibraries.problem(message, "libcuda.so", "install it"))
                .isEqualTo("install it");
    }

    @Test
    void otherErrorsKeepTheirSentence() {
        String message =
                """
                Error while loading native library "JCudaDriver-12.6.0-linux-x86_64"
                java.lang.UnsatisfiedLinkError: no JCudaDriver in java.library.path
                \tat java.base/java.lang.ClassLoader.loadLibrary(ClassLoader.java:2447)
                java.lang.UnsatisfiedLinkError: /tmp/libJCudaDriver.so: file too short
                \tat java.base/java.lang.ClassLoader.loadLibrary(ClassLoader.java:2447)
                """;
        assertThat(CudaLibraries.problem(message, "libcuda.so", "install it"))
                .isEqualTo(
                        "JCuda cannot be loaded: java.lang.UnsatisfiedLinkError:"
                                + " /tmp/libJCudaDriver.so: file too short");
    }

    @Test
    void aDamagedLibraryIsNotCalledMissing() {
        assertThat(
                        CudaLibraries.problem(
                                "java.lang.UnsatisfiedLinkError: /lib/libcuda.so.1: file too short",
                                "libcuda.so",
                                "install it"))
                .endsWith("/lib/libcuda.so.1: file too short");
    }

    @Test
    void aFolderWhoseFilesMayNotRunIsSaidWithTheRemedy() {
        assertThat(
                        CudaLibraries.problem(
                                "/tmp/libJCudaDriver.so: failed to map segment from shared object",
                                "libcuda.so",
                                "install it"))
                .endsWith("set -Djava.io.tmpdir to a folder whose files may be run");
    }
}
