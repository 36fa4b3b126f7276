package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Compares launchers with {@code kernels.h}: what JCuda's untyped arguments cannot tell. */
class LaunchersTest {

    private record Launch(Kernel kernel, int gridX, int gridY, List<Object> arguments) {}

    private final List<Launch> launches = new ArrayList<>();
    private final Launchers launchers =
            new Launchers(
                    (kernel, gridX, gridY, arguments) ->
                            launches.add(new Launch(kernel, gridX, gridY, arguments)));

    @Test
    void constantsAreThoseOfTheHeader() throws Exception {
        Map<String, Integer> ours = new TreeMap<>();
        for (Field field : Geometry.class.getDeclaredFields()) {
            if (!field.isSynthetic()) {
                ours.put(field.getName(), field.getInt(null));
            }
        }
        assertThat(ours).isEqualTo(new TreeMap<>(KernelsHeader.read().constants()));
    }

    @Test
    void kernelsAreDeclaredAsInTheHeader() throws IOException {
        Map<String, String> ours = new LinkedHashMap<>();
        for (Kernel kernel : Kernel.values()) {
            ours.put(kernel.stem(), kernel.declaration());
        }
        assertThat(new TreeMap<>(ours)).isEqualTo(new TreeMap<>(KernelsHeader.read().kernels()));
    }

    /** Each argument is a value of its own, so that the order of what arrives can be seen. */
    @Test
    void launchersPassTheirParametersUnderTheNamesOfTheKernels() throws Exception {
        List<Kernel> launched = new ArrayList<>();
        for (Method method : Launchers.class.getDeclaredMethods()) {
            if (Modifier.isPrivate(method.getModifiers()) || method.isSynthetic()) {
                continue;
            }
            launches.clear();
            Object[] values = values(method);
            method.invoke(launchers, values);
            Launch launch = launches.get(0);
            launched.add(launch.kernel());
            List<String> names = new ArrayList<>();
            for (String argument : launch.kernel().declaration().split(", ", -1)) {
                names.add(camelCase(argument.replaceFirst(".*[ *]", "")));
            }
            List<Parameter> parameters = Arrays.asList(method.getParameters());
            for (int i = 0; i < names.size(); i++) {
                assertThat(parameters.get(i).getName())
                        .as("%s, parameter %d", method.getName(), i)
                        .isEqualTo(names.get(i));
                assertThat(launch.arguments().get(i))
                        .as("%s, argument %d", method.getName(), i)
                        .isEqualTo(values[i]);
            }
            assertThat(launch.arguments()).hasSameSizeAs(names);
        }
        launchers.alibiAttention(buf(), buf(), buf(), buf(), buf(), 72, 1, 2, 3, 4);
        launched.add(launches.get(launches.size() - 1).kernel());
        assertThat(launched).containsExactlyInAnyOrder(Kernel.values());
    }

    @Test
    void gridsCoverAllRowsAndColumns() {
        launchers.embedding(buf(), buf(), buf(), 16, 7);
        launchers.alibiAttention(buf(), buf(), buf(), buf(), buf(), 64, 1, 5, 9, 300);
        launchers.swiglu(buf(), buf(), 2056, 3);
        launchers.dequantize(buf(), buf(), buf(), 5128, 3);
        launchers.gemm(buf(), buf(), buf(), 129, 264, 8);
        launchers.gemmSwiglu(buf(), buf(), buf(), 128, 72, 8);

        assertThat(launches)
                .extracting(launch -> launch.gridX() + "x" + launch.gridY())
                .containsExactly("7x1", "9x5", "3x2", "3x2", "6x1", "2x1");
    }

    @Test
    void nothingIsLaunchedForNoRows() {
        launchers.embedding(buf(), buf(), buf(), 16, 0);
        launchers.gatherRows(buf(), buf(), buf(), 16, 0);
        launchers.dequantize(buf(), buf(), buf(), 16, 0);

        assertThat(launches).isEmpty();
    }

    @Test
    void sizesThatDoNotFitAreThisLibrarysFault() {
        DeviceBuffer small = DeviceBuffer.nowhere(100);
        assertThatThrownBy(() -> launchers.rmsNorm(small, buf(), buf(), 16, 1, 4))
                .isInstanceOf(AssertionError.class)
                .hasMessage("4 x 16 x 2 bytes in a buffer of 100");
        assertThatThrownBy(
                        () ->
                                launchers.alibiAttention(
                                        buf(), small, buf(), buf(), buf(), 64, 1, 5, 1, 7))
                .isInstanceOf(AssertionError.class)
                .hasMessage("7 x 960 x 2 bytes in a buffer of 100");
        assertThatThrownBy(() -> launchers.rmsNorm(buf(), buf(), buf(), 20, 1, 1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("20 columns");
        assertThatThrownBy(
                        () ->
                                launchers.alibiAttention(
                                        buf(), buf(), buf(), buf(), buf(), 136, 1, 2, 3, 4))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> launchers.gatherRows(buf(), buf(), buf(), 20, 1))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> launchers.dequantize(small, buf(), buf(), 16, 4))
                .hasMessage("4 x 16 x 2 bytes in a buffer of 100");
        assertThatThrownBy(() -> launchers.dequantize(buf(), small, buf(), 32, 4))
                .hasMessage("4 x 32 x 1 bytes in a buffer of 100");
        assertThatThrownBy(() -> launchers.dequantize(buf(), buf(), small, 8, 26))
                .hasMessage("26 x 1 x 4 bytes in a buffer of 100");
        assertThatThrownBy(() -> launchers.dequantize(buf(), buf(), buf(), 20, 1))
                .hasMessageContaining("20 columns");
    }

    private static Object[] values(Method method) {
        Parameter[] parameters = method.getParameters();
        Object[] values = new Object[parameters.length];
        for (int i = 0; i < values.length; i++) {
            Class<?> type = parameters[i].getType();
            values[i] =
                    type == DeviceBuffer.class
                            ? buf()
                            : type == int.class ? (Object) (16 * (i + 1)) : (Object) (i + 0.5f);
            if (parameters[i].getName().equals("headDim")) {
                values[i] = 56;
            }
        }
        return values;
    }

    private static DeviceBuffer buf() {
        return DeviceBuffer.nowhere(1 << 30);
    }

    private static String camelCase(String name) {
        StringBuilder camel = new StringBuilder();
        for (String word : name.split("_", -1)) {
            camel.append(
                    camel.length() == 0
                            ? word
                            : Character.toUpperCase(word.charAt(0)) + word.substring(1));
        }
        return camel.toString();
    }
}
