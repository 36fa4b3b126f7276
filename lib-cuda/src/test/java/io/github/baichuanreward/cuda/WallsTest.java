package io.github.baichuanreward.cuda;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Set;

/** The walls of this module: who may know JCuda, and who the model. */
@AnalyzeClasses(
        packages = "io.github.baichuanreward.cuda",
        importOptions = ImportOption.DoNotIncludeTests.class)
class WallsTest {

    private static final Set<String> DEVICE =
            Set.of(
                    "Cuda",
                    "CudaDevice",
                    "CudaLibraries",
                    "DeviceBuffer",
                    "HostBuffer",
                    "Kernels",
                    "Cublas",
                    "CublasGemm");

    private static final DescribedPredicate<JavaClass> IS_DEVICE =
            DescribedPredicate.describe(
                    "of the device layer", type -> DEVICE.contains(outermost(type)));

    @ArchTest
    static final ArchRule onlyTheDeviceLayerKnowsJCuda =
            noClasses()
                    .that(DescribedPredicate.not(IS_DEVICE))
                    .should()
                    .dependOnClassesThat(resideInAPackage("jcuda.."));

    @ArchTest
    static final ArchRule theDeviceLayerDoesNotKnowTheModel =
            noClasses()
                    .that(IS_DEVICE)
                    .should()
                    .dependOnClassesThat(
                            resideInAPackage("io.github.baichuanreward.model..")
                                    .or(resideInAPackage("io.github.baichuanreward.batch..")));

    @ArchTest
    static final ArchRule onlyTheProviderIsSeen =
            classes()
                    .that()
                    .doNotHaveSimpleName("CudaBackendProvider")
                    .and()
                    .doNotHaveSimpleName("package-info")
                    .should()
                    .notBePublic();

    private static String outermost(JavaClass type) {
        return type.getEnclosingClass().map(WallsTest::outermost).orElse(type.getSimpleName());
    }
}
