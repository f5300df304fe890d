import Configuration
import StrictJSON
import Testing

@Suite("Messages about options", .timeLimit(.minutes(30)))
struct OptionMessageTests {
  @Test("say what the option must be in the words of the command line")
  func messages() {
    #expect(
      refusal("0", as: BatchSize.self) == #""0" is not accepted; it must be an integer of at least 1, or all"#
    )
    #expect(
      refusal("-1", as: Epsilon.self) == #""-1" is not accepted; it must be a finite number of at least 0"#)
    #expect(
      refusal("null", as: Momentum.self)
        == #""null" is not accepted; it must be a number from 0 to 1, or none for the cumulative average"#)
    #expect(
      refusal("0", as: FeatureAxis.self)
        == #""0" is not accepted; it must be an integer of at least 1, "#
        + "or a negative one that counts from the last axis")
    #expect(
      refusal("0", as: ThreadCount.self) == #""0" is not accepted; it must be an integer from 1 to 1024"#)
    #expect(
      refusal("2Gi", as: ByteCount.self)
        == #""2Gi" is not accepted; it must be a number of bytes, or a size such as 2G, 512MiB or 1.5GB"#)
    #expect(
      refusal("mean", as: StatisticsSource.self) == #""mean" is not accepted; it must be batch or running"#)
    #expect(
      refusal("", as: LayerPattern.self)
        == #""" is not accepted; it must be a pattern of group paths such as "encoder/*" or "**/bn[0-9]""#)
  }
}
