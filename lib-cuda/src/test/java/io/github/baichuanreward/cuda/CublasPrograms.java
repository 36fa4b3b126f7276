package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import jcuda.JCudaVersion;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;

/**
 * What {@link CublasLoaderTest} runs in processes of their own. The first argument is a model's
 * directory, the second the root of the file system, the others are folders.
 */
final class CublasPrograms {

    /** Stands for no folder: the usual places. */
    static final String NOWHERE = "-";

    private CublasPrograms() {}

    /** Scores with a cuBLAS of each of some folders, one after the other. */
    static final class Program {
        private Program() {}

        public static void main(String[] args) throws IOException {
            BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
            CublasPlaces usual = CublasPlaces.usual(System.getenv(), Path.of(args[1]));
            for (String name : List.of(args).subList(2, args.length)) {
                Path folder = name.equals(NOWHERE) ? null : Path.of(name);
                String problem =
                        folder == null
                                ? CudaLibraries.cublas(usual).problem()
                                : CudaLibraries.cublas(folder).problem();
                System.out.println(problem == null ? "loaded" : "problem: " + problem);
                BackendRequest request =
                        new BackendRequest(
                                weights,
                                Precision.AUTO,
                                GpuOptions.defaults().withLibraries(folder),
                                64,
                                1);
                try (Backend backend = CudaBackend.open(request)) {
                    PackedBatch batch =
                            PackedBatch.pack(List.of(new int[] {1, 2, 3}, new int[] {4}), 9).get(0);
                    System.out.printf(
                            "%s on %s%n",
                            Arrays.toString(backend.score(batch)), backend.description());
                } catch (BackendException e) {
                    System.out.println("refused: " + e.getMessage());
                }
            }
        }
    }

    /** Opens a model whose products were chosen without a look at what is there. */
    static final class Chosen {
        private Chosen() {}

        public static void main(String[] args) throws IOException {
            BaichuanWeights weights = BaichuanWeights.open(Path.of(args[0]));
            BackendRequest request = new BackendRequest(weights, Precision.AUTO, List.of(), 64, 1);
            try (Backend backend = CudaBackend.open(request, GemmChoice.cublasInBlocks())) {
                System.out.println(backend.description());
            } catch (BackendException e) {
                System.out.println("refused: " + e.getMessage());
            }
        }
    }

    /** Calls what the fake libcublas.so.13 does not have. */
    static final class MissingFunction {
        private MissingFunction() {}

        public static void main(String[] args) {
            System.out.println(CudaLibraries.cublas((Path) null).problem());
            try {
                new Cuda("device 0")
                        .cublas(
                                "cublasSetAtomicsMode",
                                () -> JCublas2.cublasSetAtomicsMode(new cublasHandle(), 0));
            } catch (BackendException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    /** Loads cuBLAS alone: of the driver, the fake one has not all that JCuda could call. */
    static final class WithoutDriver {
        private WithoutDriver() {}

        public static void main(String[] args) throws IOException {
            String name = "libJCublas2-%s-linux-x86_64.so".formatted(JCudaVersion.get());
            try (NativeFolder folder = NativeFolder.open()) {
                CublasLoader loader =
                        new CublasLoader(
                                Objects.requireNonNull(folder.unpackJCuda(name)), folder, 13);
                CublasPlaces.Found found =
                        loader.load(CublasPlaces.usual(Map.of(), Path.of(args[1])));
                System.out.printf(
                        "Found %s, %s%n", found == null ? null : found.major(), loader.failures());
            }
        }
    }

    /** As in an application server: JCuda in a loader above, then all once more in another. */
    static final class OtherLoaders {
        private OtherLoaders() {}

        public static void main(String[] args) throws Exception {
            List<URL> own = new ArrayList<>();
            List<URL> others = new ArrayList<>();
            for (String entry :
                    System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
                (entry.contains("lib-cuda") ? own : others).add(url(entry));
            }
            ClassLoader above = loader(others, ClassLoader.getPlatformClassLoader());
            main(loader(own, above), args);
            own.addAll(others);
            main(loader(own, ClassLoader.getPlatformClassLoader()), args);
        }

        private static void main(ClassLoader loader, String[] args) throws Exception {
            Method main =
                    Class.forName(Program.class.getName(), true, loader)
                            .getMethod("main", String[].class);
            main.setAccessible(true); // its class is not public
            main.invoke(null, (Object) args);
        }

        private static URL url(String entry) throws MalformedURLException {
            return Path.of(entry).toUri().toURL();
        }

        private static ClassLoader loader(List<URL> urls, ClassLoader parent) {
            return new URLClassLoader(urls.toArray(URL[]::new), parent);
        }
    }
}
