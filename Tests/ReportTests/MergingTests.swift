import BatchNorm
import Foundation
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
}
