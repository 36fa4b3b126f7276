package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.backend.BackendRequest;
import io.github.baichuanreward.backend.GpuOptions;
import io.github.baichuanreward.backend.Precision;
import io.github.baichuanreward.cuda.LayerPlan.Device;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What would help a model that does not fit, which must then be so. */
class PlacementTest {

    private static final BaichuanConfig CONFIG = new BaichuanConfig(300, 64, 90, 8, 4, 512, 1e-6f);

    private static final GemmChoice GEMM = new GemmChoice(true, 64, 64);

    private static final ModelMemory HALF = memory(WeightForm.HALF, 4096);

    private static final ModelMemory INT8 = memory(WeightForm.INT8, 4096);

    private static RandomModel model;

    @BeforeAll
    static void makeModel() throws IOException {
        model = RandomModel.make(CONFIG, 5);
    }

    @AfterAll
    static void deleteModel() throws IOException {
        model.close();
    }

    @Test
    void divisionsThatDoNotFitNeedNotBeGiven() {
        GpuOptions gpus = GpuOptions.defaults().withLayersPerDevice(List.of(7, 1));
        List<Device> devices = devices(HALF.shard(4, true, false), HALF.shard(4, true, false));

        assertThat(remedy(Precision.AUTO, gpus, 0, devices))
                .contains("leave out --layers_per_device, or ")
                .contains("or use larger GPUs")
                .doesNotContain("more of them")
                .doesNotContain("list each");
        assertFits(Precision.AUTO, GpuOptions.defaults(), devices);
        assertThat(remedy(Precision.AUTO, gpus, 0, devices(HALF.shard(3, true, true), 0)))
                .as("too small for every division")
                .doesNotContain("leave out");
        GpuOptions whole = GpuOptions.defaults().withLayersPerDevice(List.of(8));
        assertThat(remedy(Precision.AUTO, whole, 0, devices(HALF.shard(3, true, true))))
                .endsWith("or use a larger GPU");
        assertThat(remedy(Precision.AUTO, GpuOptions.defaults(), 0, devices(0)))
                .startsWith("use a larger GPU, or more of them, or ");
    }

    @Test
    void aCpuIsOfferedWithoutWhatItRefuses() {
        List<Device> devices = devices(0, 0);
        GpuOptions none = GpuOptions.defaults();
        assertThat(remedy(Precision.AUTO, none, 0, devices)).endsWith("or use --backend cpu");
        assertThat(remedy(Precision.AUTO, none.withDevices(List.of(0, 1)), 0, devices))
                .endsWith("or use --backend cpu without --devices");
        assertThat(remedy(Precision.AUTO, none.withOffload(true), 0, devices))
                .endsWith("or use --backend cpu without --offload");
        GpuOptions all =
                none.withDevices(List.of(0, 1))
                        .withOffload(true)
                        .withLayersPerDevice(List.of(4, 4));
        assertThat(remedy(Precision.INT8, all, 0, devices))
                .endsWith(
                        "or use --backend cpu without --devices, --layers_per_device, --offload and"
                                + " --precision int8");
        assertThat(remedy(Precision.FLOAT16, none, 0, devices))
                .endsWith("or use --backend cpu without --precision float16");
    }

    /** With layers in the host's memory, batches are larger where they can be. */
    @Test
    void eightBitsAreOfferedInTheBatchesThatFit() {
        GpuOptions gpus = GpuOptions.defaults().withOffload(true);
        List<Device> devices = devices(INT8.shard(ModelMemory.STREAMING, true, true));

        assertThat(remedy(Precision.AUTO, gpus, 0, devices)).contains("use --precision int8");
        assertFits(Precision.INT8, gpus, devices);
        assertThat(placement(Precision.INT8, gpus, 0).on(devices).memory().batchTokens())
                .isEqualTo(4096);
    }

    @Test
    void aDeviceThatIsTooSmallForTwoPartsMayHoldOne() {
        GpuOptions gpus = GpuOptions.defaults().withDevices(List.of(0, 0));
        Device device = devices(HALF.shard(8, true, true)).get(0);

        assertThat(remedy(Precision.AUTO, gpus, 0, List.of(device, device)))
                .contains("list each device once");
        assertFits(Precision.AUTO, gpus.withDevices(List.of(0)), List.of(device));
    }

    /** Each on its own, for plans of all sorts of devices. */
    @Test
    void whatIsOfferedHelps() {
        int offered = 0;
        for (int first = 0; first <= 8; first++) {
            for (int second = 0; second <= first; second++) {
                for (GpuOptions gpus : wishes()) {
                    List<Device> devices =
                            devices(
                                    HALF.shard(first, true, false) - 1,
                                    INT8.shard(second, false, false));
                    Placement placement = placement(Precision.AUTO, gpus, 0);
                    if (placement.on(devices).plan().problem() == null) {
                        continue;
                    }
                    String remedy = placement.remedy(devices);
                    offered += 3;
                    assertOffered(
                            remedy,
                            "leave out --layers_per_device",
                            placement(Precision.AUTO, gpus.withLayersPerDevice(List.of()), 0),
                            devices);
                    assertOffered(
                            remedy,
                            "use --precision int8",
                            placement(Precision.INT8, gpus, 0),
                            devices);
                    assertOffered(
                            remedy,
                            "use --offload",
                            placement(Precision.AUTO, gpus.withOffload(true), 0),
                            devices);
                    if (remedy.startsWith("lower")) {
                        int tokens = Integer.parseInt(remedy.replaceAll("\\D*(\\d+) .*", "$1"));
                        assertOffered(
                                remedy, "lower", placement(Precision.AUTO, gpus, tokens), devices);
                    }
                }
            }
        }
        assertThat(offered).isGreaterThan(300);
    }

    private static List<GpuOptions> wishes() {
        List<GpuOptions> wishes = new ArrayList<>();
        for (List<Integer> layers :
                List.of(List.<Integer>of(), List.of(8), List.of(4, 4), List.of(1, 7))) {
            GpuOptions any = GpuOptions.defaults().withLayersPerDevice(layers);
            GpuOptions these = any.withDevices(List.of(0, 1));
            wishes.addAll(List.of(any, these, any.withOffload(true), these.withOffload(true)));
        }
        return wishes;
    }

    private static void assertOffered(
            String remedy, String what, Placement mended, List<Device> devices) {
        assertThat(mended.on(devices).plan().problem() == null)
                .as("%s of \"%s\" on %s", what, remedy, devices)
                .isEqualTo(remedy.contains(what));
    }

    private static void assertFits(Precision precision, GpuOptions gpus, List<Device> devices) {
        assertThat(placement(precision, gpus, 0).on(devices).plan().problem()).isNull();
    }

    private static String remedy(
            Precision precision, GpuOptions gpus, int batchTokens, List<Device> devices) {
        Placement placement = placement(precision, gpus, batchTokens);
        assertThat(placement.on(devices).plan().problem()).as("nothing is wrong").isNotNull();
        return placement.remedy(devices);
    }

    private static Placement placement(Precision precision, GpuOptions gpus, int batchTokens) {
        return new Placement(
                new BackendRequest(model.weights(), precision, gpus, batchTokens, 1), GEMM);
    }

    /** With so many bytes beside what the driver keeps. */
    private static List<Device> devices(long... bytes) {
        List<Device> devices = new ArrayList<>();
        for (long each : bytes) {
            int ordinal = devices.size();
            String label = "device %d (Test GPU)".formatted(ordinal);
            devices.add(new Device(ordinal, label, "Test GPU", each + ModelMemory.RESERVE));
        }
        return devices;
    }

    private static ModelMemory memory(WeightForm form, int batchTokens) {
        return ModelMemory.of(CONFIG, GEMM, form, batchTokens);
    }
}
