// swift-tools-version: 6.1
import PackageDescription

#if arch(x86_64)
  let processorFlags = ["-Xcc", "-mavx2", "-Xcc", "-mfma", "-Xcc", "-mf16c"]
#else
  let processorFlags: [String] = []
#endif

let package = Package(
  name: "kernel-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "bn-stream", path: "../.."),
    // Without its traits: they count allocations through libraries of their own, and only time is asked for here.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .target(
      name: "KernelDriver", dependencies: [.product(name: "BatchNorm", package: "bn-stream")],
      swiftSettings: [.unsafeFlags(["-O"] + processorFlags)]),
    .executableTarget(
      name: "Kernels", dependencies: ["KernelDriver", .product(name: "Benchmark", package: "benchmark")],
      path: "Benchmarks/Kernels",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ],
  swiftLanguageModes: [.v6]
)
