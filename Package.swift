// swift-tools-version: 6.1
import PackageDescription

// `swift run` builds for debugging, and SIMD code without optimization is about a hundred times slower, so the
// targets with hot loops are optimized in both configurations. SwiftPM refuses unsafe flags in a package that is
// somebody's versioned dependency, so they are given only when this package is the root one.
let isRootPackage = !Context.packageDirectory.contains("/checkouts/")

/// The same for C.
func optimizedC(for processorFlags: [String]) -> [CSetting] {
  isRootPackage ? [.unsafeFlags(["-O2"] + processorFlags)] : []
}

/// In a release build also without checks at run time that no two accesses of a variable overlap, which of small batches took a tenth of the
/// time; tests run with them.
func optimized(for processorFlags: [String]) -> [SwiftSetting] {
  guard isRootPackage else { return [] }
  return [
    .unsafeFlags(["-O"] + processorFlags.flatMap { ["-Xcc", $0] }),
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
  ]
}

#if arch(x86_64)
  // With FMA in the target `addingProduct` is one instruction; without it, a call into libm, ten times slower.
  let hot = optimized(for: ["-mavx2", "-mfma", "-mf16c"])
  let hotC = optimizedC(for: ["-mavx2"])
  // The same loops once more for AVX-512, chosen when the program runs.
  let hotAndWide = optimized(for: [
    "-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl",
    "-mprefer-vector-width=512",
  ])
#else
  let hot = optimized(for: [])
  let hotC = optimizedC(for: [])
  let hotAndWide = hot
#endif

let package = Package(
  name: "bn-stream",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "bn-stream", targets: ["bn-stream"]),
    .library(name: "BatchNorm", targets: ["BatchNorm"]),
    .library(name: "BatchNormReference", targets: ["BatchNormReference"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    // Pages from templates.
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    // Only for tests: exact rational numbers to compare with.
    .package(url: "https://github.com/attaswift/BigInt", from: "6.0.1"),
  ],
  targets: [
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
    .target(name: "FileNames"),
    .target(name: "CSupervision"),
    .target(
      name: "HDF5", dependencies: ["CHDF5", "ChunkCodec", "CSupervision", "FileNames", "Parallel"],
      exclude: ["README.md"]),
    .target(name: "CProcessor"),
    .target(name: "CFile"),
    // xxHash is all in a header, of Debian's libxxhash-dev and Homebrew's xxhash.
    .target(name: "CChecksum", cSettings: hotC),
    .systemLibrary(
      name: "CDeflate", pkgConfig: "libdeflate",
      providers: [.apt(["libdeflate-dev"]), .brew(["libdeflate"])]),
    .target(name: "ChunkCodec", dependencies: ["CDeflate"], exclude: ["README.md"], swiftSettings: hot),
    .target(
      name: "Arithmetic", dependencies: ["CProcessor"], exclude: ["README.md"], swiftSettings: hot),
    .target(name: "Parallel", exclude: ["README.md"], swiftSettings: hot),
    .target(
      name: "BaselineKernels", dependencies: ["Arithmetic"], exclude: ["README.md"], swiftSettings: hot),
    .target(
      name: "WideKernels", dependencies: ["Arithmetic"], exclude: ["README.md"], swiftSettings: hotAndWide),
    .target(
      name: "BatchNorm", dependencies: ["Arithmetic", "BaselineKernels", "CProcessor", "WideKernels"],
      exclude: ["README.md"], swiftSettings: hot),
    .target(name: "BatchNormReference", exclude: ["README.md"], swiftSettings: hot),
    .target(name: "StrictJSON", dependencies: ["FileNames"], exclude: ["README.md"]),
    .target(
      name: "Configuration",
      dependencies: ["FileNames", "StrictJSON", .product(name: "SystemPackage", package: "swift-system")],
      exclude: ["README.md"]),
    .target(
      name: "LayerFiles",
      dependencies: [
        "BatchNorm", "CChecksum", "CFile", "CSupervision", "ChunkCodec", "Configuration", "FileNames",
        "HDF5", "Parallel", "StrictJSON",
        .product(name: "SystemPackage", package: "swift-system"),
      ], exclude: ["README.md"], swiftSettings: hot),
    .target(
      name: "Jobs",
      dependencies: [
        "BatchNorm", "CProcessor", "Configuration", "FileNames", "HDF5", "LayerFiles", "Parallel",
        "StrictJSON",
      ],
      exclude: ["README.md"], swiftSettings: hot),
    .target(
      name: "Inspection",
      dependencies: [
        "Arithmetic", "BatchNorm", "BatchNormReference", "Configuration", "FileNames", "HDF5", "Jobs",
        "LayerFiles", "Parallel",
        "StrictJSON",
      ], exclude: ["README.md"],
      swiftSettings: hot),
    .target(
      name: "Explain",
      dependencies: [
        "BatchNorm", "BatchNormReference", "Configuration", "HDF5", "Inspection", "Jobs", "LayerFiles",
        "Parallel", "StrictJSON",
      ], exclude: ["README.md"],
      swiftSettings: hot),
    .target(
      name: "Report",
      dependencies: [
        "BatchNorm", "BatchNormReference", "Configuration", "Explain", "FileNames", "HDF5", "Inspection",
        "LayerFiles",
        "StrictJSON",
        .product(name: "Mustache", package: "swift-mustache"),
      ], exclude: ["README.md"],
      swiftSettings: hot),
    .plugin(name: "NoteCommit", capability: .buildTool()),
    .executableTarget(
      name: "bn-stream",
      dependencies: [
        "BatchNorm", "BatchNormReference", "CProcessor", "CSupervision", "ChunkCodec", "Configuration",
        "Explain",
        "FileNames",
        "HDF5",
        "Inspection", "Jobs", "LayerFiles", "Parallel", "Report", "StrictJSON",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ], exclude: ["README.md"], plugins: ["NoteCommit"]),
    .target(
      name: "TestSupport",
      dependencies: [
        "HDF5", "LayerFiles", "Parallel", .product(name: "SystemPackage", package: "swift-system"),
      ], path: "Tests/TestSupport", swiftSettings: hot),
    .testTarget(name: "ChunkCodecTests", dependencies: ["ChunkCodec", "HDF5", "TestSupport"]),
    .testTarget(name: "ParallelTests", dependencies: ["Parallel"]),
    .testTarget(
      name: "BatchNormTests",
      dependencies: [
        "Arithmetic", "BatchNorm", "BatchNormReference", .product(name: "BigInt", package: "BigInt"),
      ],
      swiftSettings: hot),
    .testTarget(
      name: "JobsTests",
      dependencies: [
        "BatchNormReference", "ChunkCodec", "Configuration", "HDF5", "Jobs", "LayerFiles", "Parallel",
        "StrictJSON", "TestSupport",
      ],
      swiftSettings: hot),
    .testTarget(
      name: "InspectionTests",
      dependencies: [
        "BatchNormReference", "Configuration", "HDF5", "Inspection", "Jobs", "LayerFiles", "StrictJSON",
        "TestSupport", "bn-stream",
      ]),
    .testTarget(
      name: "ExplainTests",
      dependencies: [
        "BatchNorm", "BatchNormReference", "Configuration", "Explain", "HDF5", "Jobs", "LayerFiles",
        "Parallel", "StrictJSON", "TestSupport",
      ],
      swiftSettings: hot),
    .testTarget(
      name: "ReportTests",
      dependencies: [
        "BatchNorm", "BatchNormReference", "Explain", "HDF5", "LayerFiles", "Report", "StrictJSON",
        "TestSupport", "bn-stream",
      ]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "bn-stream", "ChunkCodec", "Configuration", "FileNames", "HDF5", "Jobs", "LayerFiles", "StrictJSON",
        "TestSupport",
      ]),
    .testTarget(
      name: "ProjectTests",
      dependencies: [
        "BatchNormReference", "Configuration", "LayerFiles", "Report", "TestSupport", "bn-stream",
      ]),
    .testTarget(
      name: "EndToEndTests", dependencies: ["bn-stream", "HDF5", "BatchNormReference", "TestSupport"],
      swiftSettings: hot),
    .testTarget(name: "HDF5Tests", dependencies: ["HDF5", "TestSupport"]),
    .testTarget(
      name: "DocumentTests",
      dependencies: [
        "Configuration", "HDF5", "Jobs", "LayerFiles", "Parallel", "StrictJSON", "TestSupport", "bn-stream",
      ]),
    .testTarget(name: "BatchNormReferenceTests", dependencies: ["BatchNormReference"]),
  ],
  swiftLanguageModes: [.v6]
)

// What is built for the thread sanitizer: by tools/test what has threads, the workers and the jobs, without the program; by tools/test-threads
// the program, its commands, and what else compares in threads.
switch Context.environment["BN_STREAM_TESTS"] {
case "jobs":
  let others = ["Explain", "Inspection", "Report", "NoteCommit", "bn-stream"]
  let tests = ["ParallelTests", "JobsTests"]
  package.targets.removeAll { others.contains($0.name) || $0.type == .test && !tests.contains($0.name) }
  package.products.removeAll { $0.name == "bn-stream" }
case "commands":
  let tests = ["CommandTests", "InspectionTests"]
  package.targets.removeAll { $0.type == .test && !tests.contains($0.name) }
  // Of its files those that compare in threads.
  for target in package.targets where target.name == "InspectionTests" {
    target.sources = ["Support", "VerifyTests.swift"]
  }
default: break
}
