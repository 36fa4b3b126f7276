package io.github.baichuanreward;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The walls between the rooms: who may know whom. */
@AnalyzeClasses(
        packages = "io.github.baichuanreward",
        importOptions = ImportOption.DoNotIncludeTests.class)
class WallsTest {

    private static final String ROOT = "io.github.baichuanreward";

    @ArchTest
    static final ArchRule roomsKnowOnlyTheirNeighbours =
            layeredArchitecture()
                    .consideringOnlyDependenciesInLayers()
                    .layer("root")
                    .definedBy(ROOT)
                    .layer("cli")
                    .definedBy(ROOT + ".cli")
                    .layer("eval")
                    .definedBy(ROOT + ".eval")
                    .layer("rows")
                    .definedBy(ROOT + ".rows")
                    .layer("text")
                    .definedBy(ROOT + ".text")
                    .layer("batch")
                    .definedBy(ROOT + ".batch")
                    .layer("model")
                    .definedBy(ROOT + ".model")
                    .layer("checkpoint")
                    .definedBy(ROOT + ".checkpoint")
                    .layer("backend")
                    .definedBy(ROOT + ".backend")
                    .layer("cpu")
                    .definedBy(ROOT + ".cpu")
                    .whereLayer("cli")
                    .mayNotBeAccessedByAnyLayer()
                    .whereLayer("eval")
                    .mayOnlyBeAccessedByLayers("cli")
                    .whereLayer("cpu")
                    .mayNotBeAccessedByAnyLayer()
                    .whereLayer("root")
                    .mayOnlyBeAccessedByLayers("cli", "eval", "rows")
                    .whereLayer("rows")
                    .mayOnlyBeAccessedByLayers("cli", "eval")
                    .whereLayer("text")
                    .mayOnlyBeAccessedByLayers("cli", "root")
                    .whereLayer("backend")
                    .mayOnlyBeAccessedByLayers("cli", "root", "cpu")
                    .whereLayer("batch")
                    .mayOnlyBeAccessedByLayers("root", "backend", "cpu")
                    .whereLayer("model")
                    .mayOnlyBeAccessedByLayers("root", "backend", "cpu")
                    .whereLayer("checkpoint")
                    .mayOnlyBeAccessedByLayers("root", "model", "cpu");

    @ArchTest
    static final ArchRule noCycles = slices().matching(ROOT + ".(*)..").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule onlyTheCommandLineKnowsItsLibraries =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + ".cli..")
                    .should()
                    .dependOnClassesThat(
                            resideInAPackage("picocli..")
                                    .or(resideInAPackage("me.tongfei.progressbar..")));

    @ArchTest
    static final ArchRule onlyRowsKnowTables =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + ".rows..")
                    .should()
                    .dependOnClassesThat(resideInAPackage("..jackson.dataformat.."));

    @ArchTest
    static final ArchRule onlyTextKnowsSentencePiece =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + ".text..")
                    .should()
                    .dependOnClassesThat(resideInAPackage("ai.djl.."));

    @ArchTest
    static final ArchRule nothingKnowsADevice =
            noClasses().should().dependOnClassesThat(resideInAPackage("jcuda.."));
}
