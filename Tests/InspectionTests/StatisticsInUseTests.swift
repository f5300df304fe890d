import BatchNorm
import Configuration
import Foundation
import Inspection
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

/// With whose statistics another program normalized: with the batch's own or with given ones, of all values or of those that a mask lets count.
@Suite(.timeLimit(.minutes(30))) struct StatisticsInUseTests {
  private static let (samples, features, batch) = (24, 3, 8)
  private static let x: [Double] = (0..<samples * features).map { (index: Int) -> Double in
    let number: Int = (index * 37 + index * index % 11) % 53
    return Double(number) / 7 - 3
  }
  /// One sample in three counts in no statistic.
  private static let mask: [Double] = (0..<samples).map { $0 % 3 == 1 ? 0 : 1 }
  private static let means = [0.5, -1, 2]
  private static let variances = [2, 0.5, 3.0]

  /// What x̂ is without γ and β.
  private enum Statistics { case given, ofAll, ofCounted }

  private static func output(_ statistics: Statistics) -> [Double] {
    var output = x
    for start in stride(from: 0, to: samples, by: batch) {
      for feature in 0..<features {
        let all = start..<start + batch
        let counted = all.filter { statistics == .ofAll || mask[$0] != 0 }.map { x[$0 * features + feature] }
        var mean = counted.reduce(0, +) / Double(counted.count)
        var variance = counted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(counted.count)
        if statistics == .given { (mean, variance) = (means[feature], variances[feature]) }
        for sample in all {
          let place = sample * features + feature
          output[place] = (x[place] - mean) / (variance + 1e-5).squareRoot()
        }
      }
    }
    return output
  }

  private func departures(
    _ statistics: Statistics, hasMask: Bool = false, keys: String = ""
  ) throws -> [LayerDeparture] {
    let folder = try TemporaryFolder()
    let shape = [Self.samples, Self.features]
    var input: [String: TemporaryFolder.Stored] = [
      "layer/activations": .init(shape: shape, values: Self.x),
      "layer/running_mean": .init(shape: [Self.features], values: Self.means),
      "layer/running_var": .init(shape: [Self.features], values: Self.variances),
    ]
    if hasMask { input["layer/mask"] = .init(shape: [Self.samples], values: Self.mask, type: .int8) }
    let plan = try Repository.plan(
      folder.file("in.h5", input), json: #"{"batch_size": \#(Self.batch)\#(keys)}"#)
    let other = try folder.file(
      "other.h5", ["layer/output": .init(shape: shape, values: Self.output(statistics))])
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.result) == ["output"])
    #expect(layer.comparisons.allSatisfy(\.agrees) == layer.departures.isEmpty)
    return layer.departures.map(\.kind)
  }

  @Test func givenOnesInPlaceOfTheBatchs() throws {
    #expect(try departures(.ofAll) == [])
    #expect(try departures(.given) == [.runningStatistics])
  }

  @Test func theBatchsInPlaceOfGivenOnes() throws {
    let keys = #", "statistics": "running""#
    #expect(try departures(.given, keys: keys) == [])
    #expect(try departures(.ofAll, keys: keys) == [.batchStatistics])
  }

  @Test func withoutTheMask() throws {
    #expect(try departures(.ofCounted, hasMask: true) == [])
    #expect(try departures(.ofAll, hasMask: true) == [.maskIgnored])
  }
}
