import BatchNorm
import Foundation
import Testing

/// The example of the module's front page runs, and is the one that the page shows.
@Suite(.timeLimit(.minutes(30))) struct FrontPageTests {
  @Test func exampleGivesWhatItSays() throws {
    // example begins
    let layer = try BatchNormLayer(shape: [3, 2, 2, 2], featureAxis: 1, epsilon: 1e-5)
    let x: [Float] = [1, 2, 3, 4, 9, 9, 9, 9, 5, 6, 7, 8, 9, 9, 9, 9, 9, 10, 11, 12, 9, 9, 9, 9]
    let dy = x.map { $0 / 12 }

    let statistics = try layer.statistics(of: x)
    // mean [6.5, 9], variance [143/12, 0], count 12
    let (y, _) = try layer.forward(x, gamma: [2, 1], beta: [0.5, -1])
    // channel 0 from -2.687 to 3.687; channel 1, whose values are all the same, is β = -1
    let gradients = try layer.backward(x, dy, gamma: [2, 1])
    // gradients.dx as x; gradients.dgamma and gradients.dbeta one number a channel
    // example ends
    #expect(statistics.mean == [6.5, 9] && statistics.variance == [143.0 / 12, 0] && statistics.count == 12)
    let channels = [0, 1].map { channel in y.indices.filter { $0 / 4 % 2 == channel }.map { y[$0] } }
    #expect((channels[0].min()! * 1000).rounded() == -2687 && (channels[0].max()! * 1000).rounded() == 3687)
    #expect(channels[1].allSatisfy { $0 == -1 })
    #expect(gradients.dx.count == x.count && gradients.dgamma.count == 2 && gradients.dbeta.count == 2)
  }

  @Test func pageShowsTheExample() throws {
    let page = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../Sources/BatchNorm/BatchNorm.docc/BatchNorm.md")
    let shown = try String(contentsOf: page, encoding: .utf8)
      .components(separatedBy: "```swift\n")[1].components(separatedBy: "```")[0]
    let lines = try String(contentsOfFile: #filePath, encoding: .utf8)
      .components(separatedBy: "    // example begins\n")[1]
      .components(separatedBy: "    // example ends\n")[0]
      .components(separatedBy: "\n").map { String($0.hasPrefix("    ") ? $0.dropFirst(4) : $0[...]) }
    #expect(lines.joined(separator: "\n") == shown)
  }
}
