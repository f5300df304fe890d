extension NodeName {
  /// The table of the graph.
  ///
  /// The formulas are those of ordinary batch statistics, where Σ runs over the m values of a feature. With a
  /// mask, the means (steps 1 and 4) run over the counted values and m is their number, while every Σ of the
  /// backward pass still runs over all values; see `RowSelection`.
  public var definition: NodeDefinition {
    switch self {
    // Inputs
    case .x:
      NodeDefinition(.input, step: 1, .matrix, "activations", "x_i")
    case .gamma:
      NodeDefinition(.input, step: 8, .row, "scale parameter", #"\gamma"#)
    case .beta:
      NodeDefinition(.input, step: 9, .row, "shift parameter", #"\beta"#)
    case .epsilon:
      NodeDefinition(.input, step: 5, .scalar, "constant that keeps the root from zero", #"\epsilon"#)
    case .dout:
      NodeDefinition(
        .input, step: 9, .matrix, "upstream gradient dL/dout", #"\frac{\partial L}{\partial y_i}"#)

    // Forward
    case .mu:
      NodeDefinition(.forward, step: 1, .row, "(1/m) Σ x", #"\mu = \frac{1}{m} \sum_i x_i"#, [.x])
    case .xmu:
      NodeDefinition(.forward, step: 2, .matrix, "x - mu", #"\tilde{x}_i = x_i - \mu"#, [.x, .mu])
    case .sq:
      NodeDefinition(.forward, step: 3, .matrix, "xmu²", #"q_i = \tilde{x}_i^2"#, [.xmu])
    case .variance:
      NodeDefinition(.forward, step: 4, .row, "(1/m) Σ sq", #"\sigma^2 = \frac{1}{m} \sum_i q_i"#, [.sq])
    case .sqrtvar:
      NodeDefinition(
        .forward, step: 5, .row, "√(var + epsilon)", #"\sigma_\epsilon = \sqrt{\sigma^2 + \epsilon}"#,
        [.variance, .epsilon])
    case .ivar:
      NodeDefinition(
        .forward, step: 6, .row, "1 / sqrtvar, or 0 where sqrtvar = 0",
        #"\sigma_\epsilon^{-1} = \frac{1}{\sigma_\epsilon}"#, [.sqrtvar])
    case .xhat:
      NodeDefinition(
        .forward, step: 7, .matrix, "xmu · ivar", #"\hat{x}_i = \tilde{x}_i \sigma_\epsilon^{-1}"#,
        [.xmu, .ivar])
    case .gammax:
      NodeDefinition(
        .forward, step: 8, .matrix, "gamma · xhat", #"z_i = \gamma \hat{x}_i"#, [.gamma, .xhat])
    case .out:
      NodeDefinition(
        .forward, step: 9, .matrix, "gammax + beta", #"y_i = z_i + \beta"#, [.gammax, .beta])

    // Backward
    case .dbeta:
      NodeDefinition(
        .backward, step: 9, .row, "Σ dout",
        #"\frac{\partial L}{\partial \beta} = \sum_i \frac{\partial L}{\partial y_i}"#, [.dout])
    case .dgammax:
      NodeDefinition(
        .backward, step: 9, .matrix, "dout",
        #"\frac{\partial L}{\partial z_i} = \frac{\partial L}{\partial y_i}"#, [.dout])
    case .dgamma:
      NodeDefinition(
        .backward, step: 8, .row, "Σ dgammax · xhat",
        #"\frac{\partial L}{\partial \gamma} = \sum_i \frac{\partial L}{\partial z_i} \hat{x}_i"#,
        [.dgammax, .xhat])
    case .dxhat:
      NodeDefinition(
        .backward, step: 8, .matrix, "dgammax · gamma",
        #"\frac{\partial L}{\partial \hat{x}_i} = \frac{\partial L}{\partial z_i} \gamma"#,
        [.dgammax, .gamma])
    case .divar:
      NodeDefinition(
        .backward, step: 7, .row, "Σ dxhat · xmu",
        #"\frac{\partial L}{\partial \sigma_\epsilon^{-1}} = \sum_i \frac{\partial L}{\partial \hat{x}_i} \tilde{x}_i"#,
        [.dxhat, .xmu])
    case .dxmu1:
      NodeDefinition(
        .backward, step: 7, .matrix, "dxhat · ivar",
        #"\left.\frac{\partial L}{\partial \tilde{x}_i}\right|_1 = \frac{\partial L}{\partial \hat{x}_i} \sigma_\epsilon^{-1}"#,
        [.dxhat, .ivar])
    case .dsqrtvar:
      NodeDefinition(
        .backward, step: 6, .row, "-divar / sqrtvar² = -divar · ivar²",
        #"\frac{\partial L}{\partial \sigma_\epsilon} = -\frac{\partial L}{\partial \sigma_\epsilon^{-1}} (\sigma_\epsilon^{-1})^2"#,
        [.divar, .ivar])
    case .dvar:
      NodeDefinition(
        .backward, step: 5, .row, "½ · dsqrtvar / √(var + epsilon) = ½ · dsqrtvar · ivar",
        #"\frac{\partial L}{\partial \sigma^2} = \frac{1}{2} \frac{\partial L}{\partial \sigma_\epsilon} \sigma_\epsilon^{-1}"#,
        [.dsqrtvar, .ivar])
    case .dsq:
      NodeDefinition(
        .backward, step: 4, .matrix, "(1/m) · 1 · dvar",
        #"\frac{\partial L}{\partial q_i} = \frac{1}{m} \frac{\partial L}{\partial \sigma^2}"#, [.dvar])
    case .dxmu2:
      NodeDefinition(
        .backward, step: 3, .matrix, "2 · xmu · dsq",
        #"\left.\frac{\partial L}{\partial \tilde{x}_i}\right|_2 = 2 \tilde{x}_i \frac{\partial L}{\partial q_i}"#,
        [.xmu, .dsq])
    case .dx1:
      NodeDefinition(
        .backward, step: 2, .matrix, "dxmu1 + dxmu2",
        #"\left.\frac{\partial L}{\partial x_i}\right|_1 = \left.\frac{\partial L}{\partial \tilde{x}_i}\right|_1"#
          + #" + \left.\frac{\partial L}{\partial \tilde{x}_i}\right|_2"#,
        [.dxmu1, .dxmu2])
    case .dmu:
      NodeDefinition(
        .backward, step: 2, .row, "-Σ (dxmu1 + dxmu2)",
        #"\frac{\partial L}{\partial \mu} = -\sum_i \left( \left.\frac{\partial L}{\partial \tilde{x}_i}\right|_1"#
          + #" + \left.\frac{\partial L}{\partial \tilde{x}_i}\right|_2 \right)"#,
        [.dxmu1, .dxmu2])
    case .dx2:
      NodeDefinition(
        .backward, step: 1, .matrix, "(1/m) · 1 · dmu",
        #"\left.\frac{\partial L}{\partial x_i}\right|_2 = \frac{1}{m} \frac{\partial L}{\partial \mu}"#,
        [.dmu])
    case .dx:
      NodeDefinition(
        .backward, step: 0, .matrix, "dx1 + dx2",
        #"\frac{\partial L}{\partial x_i} = \left.\frac{\partial L}{\partial x_i}\right|_1"#
          + #" + \left.\frac{\partial L}{\partial x_i}\right|_2"#,
        [.dx1, .dx2])
    }
  }
}
