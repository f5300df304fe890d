import BatchNorm
import Testing

/// Moments as the vectors of Doubles that files hold.
@Suite(.timeLimit(.minutes(30))) struct WrittenMomentsTests {
  private static let layout = FeatureLayout(positionRows: 1, featureCount: 4, planeLength: 1)

  /// 1 and 5 have the mean 3, and 4 + 4; then an infinity, NaN, and two equal values.
  @Test func byHand() {
    let batch = Batch(Self.layout, samples: 2, x: [1, 1, .nan, 7, 5, .infinity, 2, 7])
    let written = Kernels().run(batch).moments.written
    #expect(written.count == 2)
    #expect(written.mean[0] == 3 && written.mean[1] == .infinity && written.mean[2].isNaN)
    #expect(written.mean[3] == 7 && written.meanRest == [0, 0, 0, 0])
    #expect(written.m2[0] == 8 && written.m2[1].isNaN && written.m2[2].isNaN && written.m2[3] == 0)
    #expect(written.m2Rest == [0, 0, 0, 0])
  }

  /// Of no values there is no mean, and no more is written of it.
  @Test func ofNothing() {
    let written = BatchMoments(featureCount: 2).written
    #expect(written.count == 0 && written.mean.count == 2 && written.mean.allSatisfy(\.isNaN))
    #expect(written.meanRest == [0, 0] && written.m2 == [0, 0] && written.m2Rest == [0, 0])
  }

  /// What was written adds as the values themselves: 1, 3, 5 and 9, 11 have the mean 5.8 and Σ(x - mean)² = 237 - 29²/5 = 68.8.
  @Test func whatWasWrittenAdds() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    let moments = BatchMoments(featureCount: 1)
    moments.add(BatchMoments(featureCount: 1).written)
    for x in [[1, 3, 5], [9, 11]] as [[Double]] {
      moments.add(Kernels().run(Batch(layout, samples: x.count, x: x)).moments.written)
    }
    moments.add(BatchMoments(featureCount: 1).written)
    let (mean, variance) = (moments.means[0], moments.variances[0])
    #expect(moments.count == 5 && (mean - 5.8).magnitude < 1e-14)
    #expect((variance - 68.8 / 5).magnitude < 1e-13)
  }
}
