import BatchNorm
import Foundation
import HDF5
import LayerFiles
import TestSupport
import Testing

@testable import Report

/// Results that change while they are merged.
@Suite(.timeLimit(.minutes(30))) struct MergingTests {
  /// A file with the moments of four values, 0, 0, 2 and 2.
  private func made() throws -> MadeResults {
    let made = try MadeResults()
    let layer = try made.layer(
      "layer",
      vectors: [
        "moments/count": [4], "moments/mean": [1], "moments/mean_rest": [0], "moments/m2": [4],
        "moments/m2_rest": [0], "running_mean": [5], "running_var": [2],
      ])
    try layer.group("moments").writeAttribute("samples", 4)
    _ = try made.resultFile()
    return made
  }

  /// What is no count, or no number of samples, counts for nothing; the other file's numbers are as they were.
  @Test(arguments: [Double.nan, .infinity, 1e30, 0x1p62, 0.5, 0, -4], [-3, Int.max])
  func whatIsNoCountCountsForNothing(count: Double, samples: Int) throws {
    let odd = try MadeResults()
    let layer = try odd.layer(
      "layer",
      vectors: [
        "moments/count": [count], "moments/mean": [7], "moments/mean_rest": [0], "moments/m2": [9],
        "moments/m2_rest": [0],
      ])
    try layer.group("moments").writeAttribute("samples", samples)
    _ = try odd.resultFile()
    let good = try made()
    for files in [[good, odd], [odd, good]] {
      let paths = files.map(\.path)
      let pooled = try withExtendedLifetime(files) {
        try Merging(paths, layers: [], prior: nil).layer("/layer")
      }
      #expect(pooled.count == 4 && pooled.samples == 4)
      #expect(pooled.mean == [1] && pooled.variance == [1] && pooled.withinFiles == [4])
    }
  }

  /// Nothing is written of what one of the files said before, and another, or itself, says since.
  @Test(arguments: [nil, 0, 1, 2]) func aFileThatChangesGivesNone(changed: Int?) throws {
    let files = try (0..<3).map { _ in try made() }
    let merging = try Merging(
      files.prefix(2).map(\.path), layers: [], prior: Prior(file: files[2].path, samples: 8))
    let output = files[0].folder.appending(path: "merged.h5").path
    func write() throws -> [MergedLayer] {
      try merging.write(to: output, replaces: false) { _ in
        guard let changed else { return }
        try FileManager.default.changeTime(ofItemAtPath: files[changed].path)
      }
    }
    if let changed {
      #expect(throws: StreamError.inputChanged(path: files[changed].path)) { try write() }
    } else {
      let layer = try #require(write().first)
      #expect(layer.count == 8 && layer.mean == [1] && layer.variance == [1])
      // (8 · 5 + 8 · 1)/16 and (8 · 2 + 8 · 1)/16
      #expect(layer.blended?.mean == [3] && layer.blended?.variance == [1.5])
    }
    #expect(FileManager.default.fileExists(atPath: output) == (changed == nil))
  }

  /// Where the files' means are equal, rounding may leave more spread within them than there is: no share is below 0.
  @Test func noShareBetweenFilesIsBelowZero() throws {
    let files = [try made(), try made()]
    let merging = try Merging(files.map(\.path), layers: [], prior: nil)
    let layer = MergedLayer(
      path: "/layer", featureCount: 2, samples: 8, count: 8, mean: [1, 1], variance: [1, 1],
      moments: WrittenMoments(count: 8, mean: [1, 1], meanRest: [0, 0], m2: [8, 8], m2Rest: [0, 0]),
      withinFiles: [8, Double(8).nextUp], blended: nil)
    let summary = MergeSummary(merging, [layer], output: "merged.h5")
    #expect(summary.layers.map(\.betweenFiles) == [0])
  }

  /// What is no finite number has no share, and is in none.
  @Test func sharesAreThoseOfFiniteFeatures() throws {
    let files = [try made(), try made()]
    let merging = try Merging(files.map(\.path), layers: [], prior: nil)
    let zeros: [Double] = [0, 0, 0]
    let layer = MergedLayer(
      path: "/layer", featureCount: 3, samples: 8, count: 8, mean: zeros, variance: zeros,
      moments: WrittenMoments(
        count: 8, mean: zeros, meanRest: zeros, m2: [8, .infinity, .infinity], m2Rest: zeros),
      withinFiles: [4, .infinity, 4], blended: nil)
    let summary = MergeSummary(merging, [layer], output: "merged.h5")
    #expect(summary.layers.map(\.betweenFiles) == [0.5])
  }

  /// Moments that are not all there are none.
  @Test(arguments: ["count", "mean", "mean_rest", "m2", "m2_rest", "samples"])
  func momentsAreWholeOrNone(missing: String) throws {
    var vectors: [String: [Double]] = [
      "moments/count": [4], "moments/mean": [1], "moments/mean_rest": [0], "moments/m2": [4],
      "moments/m2_rest": [0],
    ]
    vectors["moments/" + missing] = nil
    let odd = try MadeResults()
    let layer = try odd.layer("layer", vectors: vectors)
    if missing != "samples" { try layer.group("moments").writeAttribute("samples", 4) }
    _ = try odd.resultFile()
    #expect(throws: ReportError.noMoments(file: odd.path, layer: "/layer")) {
      try withExtendedLifetime(odd) { try Merging([odd.path], layers: [], prior: nil).layer("/layer") }
    }
  }

  /// The root of a file may be a layer, also that of a file that says what was known before.
  @Test func theRootIsMerged() throws {
    let made = try MadeResults()
    let layer = try made.layer(
      "",
      vectors: [
        "moments/count": [4], "moments/mean": [1], "moments/mean_rest": [0], "moments/m2": [4],
        "moments/m2_rest": [0], "running_mean": [5], "running_var": [2],
      ])
    try layer.group("moments").writeAttribute("samples", 4)
    _ = try made.resultFile()
    let merging = try Merging([made.path], layers: [], prior: Prior(file: made.path, samples: 12))
    let output = made.folder.appending(path: "merged.h5").path
    let layers = try merging.write(to: output, replaces: false) { _ in }
    #expect(layers.map(\.path) == ["/"])
    let root = try File(reading: output).root
    #expect(try root.dataset("population_mean").readDoubles() == [1])
    // (12 · 5 + 4 · 1)/16 and (12 · 2 + 4 · 1)/16
    #expect(try root.dataset("running_mean").readDoubles() == [4])
    #expect(try root.dataset("running_var").readDoubles() == [1.75])
    #expect(try root.group("moments").dataset("count").readDoubles() == [4])
    withExtendedLifetime(made) {}
  }

  /// Whether there is room is known before anything is written: nine numbers of eight bytes for each feature of all layers.
  @Test(arguments: [360, 359]) func theSpaceIsThatOfAllLayers(free: Int) throws {
    let made = try MadeResults()
    for (name, count) in [("a", 2), ("b", 3)] {
      let ones = [Double](repeating: 1, count: count)
      let vectors = ["count", "mean", "mean_rest", "m2", "m2_rest"].map { ("moments/\($0)", ones) }
      let layer = try made.layer(name, vectors: Dictionary(uniqueKeysWithValues: vectors))
      try layer.group("moments").writeAttribute("samples", 1)
    }
    _ = try made.resultFile()
    let merging = try Merging([made.path], layers: [], prior: nil)
    let output = made.folder.appending(path: "merged.h5").path
    let calls = WatchedFileCalls { call, _ in call.kind == .freeByteCount ? .free(free) : .made }
    func write() throws -> [MergedLayer] {
      try calls.watch { try merging.write(to: output, replaces: false) { _ in } }
    }
    if free < 360 {
      #expect(throws: StreamError.notEnoughSpace(path: output, need: 360, free: free)) { try write() }
    } else {
      #expect(try write().map(\.featureCount) == [2, 3])
    }
    #expect(FileManager.default.fileExists(atPath: output) == (free == 360))
    withExtendedLifetime(made) {}
  }
}
