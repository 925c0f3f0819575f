"""The public names of MXNet 1.9.1, so that one that is not here is told from one that nobody has."""

#: Namespace to names, separated by spaces.
NAMES = {
    "nd": """
        Activation BatchNorm BatchNorm_v1 BilinearSampler BlockGrad CTCLoss Cast Concat
        Convolution Convolution_v1 Correlation Crop Custom Deconvolution Dropout ElementWiseSum
        Embedding Flatten FullyConnected GridGenerator GroupNorm IdentityAttachKLSparseReg
        InstanceNorm L2Normalization LRN LayerNorm LeakyReLU LinearRegressionOutput
        LogisticRegressionOutput MAERegressionOutput MakeLoss NDArray Pad Pooling Pooling_v1 RNN
        ROIPooling Reshape SVMOutput SequenceLast SequenceMask SequenceReverse SliceChannel
        Softmax SoftmaxActivation SoftmaxOutput SpatialTransformer SwapAxis UpSampling abs
        adam_update add add_n all_finite amp_cast amp_multicast arange arccos arccosh arcsin
        arcsinh arctan arctanh argmax argmax_channel argmin argsort array batch_dot batch_take
        broadcast_add broadcast_axes broadcast_axis broadcast_div broadcast_equal
        broadcast_greater broadcast_greater_equal broadcast_hypot broadcast_lesser
        broadcast_lesser_equal broadcast_like broadcast_logical_and broadcast_logical_or
        broadcast_logical_xor broadcast_maximum broadcast_minimum broadcast_minus broadcast_mod
        broadcast_mul broadcast_not_equal broadcast_plus broadcast_power broadcast_sub
        broadcast_to cast cast_storage cbrt ceil choose_element_0index clip col2im concat
        concatenate cos cosh crop ctc_loss cumsum degrees depth_to_space diag divide dot
        elemwise_add elemwise_div elemwise_mul elemwise_sub empty equal erf erfinv exp
        expand_dims expm1 eye fill_element_0index fix flatten flip floor from_dlpack from_numpy
        ftml_update ftrl_update full gamma gammaln gather_nd get_indexing_dispatch_code
        get_oshape_of_gather_nd_op greater greater_equal hard_sigmoid histogram identity im2col
        imdecode indexing_key_expand_implicit_axes khatri_rao lamb_update_phase1
        lamb_update_phase2 lesser lesser_equal linalg_det linalg_extractdiag linalg_extracttrian
        linalg_gelqf linalg_gemm linalg_gemm2 linalg_inverse linalg_makediag linalg_maketrian
        linalg_potrf linalg_potri linalg_slogdet linalg_sumlogdiag linalg_syrk linalg_trmm
        linalg_trsm linspace load load_frombuffer log log10 log1p log2 log_softmax logical_and
        logical_not logical_or logical_xor make_loss max max_axis maximum mean min min_axis
        minimum modulo moments moveaxis mp_lamb_update_phase1 mp_lamb_update_phase2
        mp_nag_mom_update mp_sgd_mom_update mp_sgd_update multi_all_finite multi_lars
        multi_mp_sgd_mom_update multi_mp_sgd_update multi_sgd_mom_update multi_sgd_update
        multi_sum_sq multiply nag_mom_update nanprod nansum negative norm normal not_equal
        one_hot onehot_encode ones ones_like pad pick power preloaded_multi_mp_sgd_mom_update
        preloaded_multi_mp_sgd_update preloaded_multi_sgd_mom_update preloaded_multi_sgd_update
        prod radians random_exponential random_gamma random_generalized_negative_binomial
        random_negative_binomial random_normal random_pdf_dirichlet random_pdf_exponential
        random_pdf_gamma random_pdf_generalized_negative_binomial random_pdf_negative_binomial
        random_pdf_normal random_pdf_poisson random_pdf_uniform random_poisson random_randint
        random_uniform ravel_multi_index rcbrt reciprocal relu repeat reset_arrays reshape
        reshape_like reverse rint rmsprop_update rmspropalex_update round rsqrt
        sample_exponential sample_gamma sample_generalized_negative_binomial sample_multinomial
        sample_negative_binomial sample_normal sample_poisson sample_uniform save scatter_nd
        sgd_mom_update sgd_update shape_array shuffle sigmoid sign signsgd_update signum_update
        sin sinh size_array slice slice_axis slice_like smooth_l1 softmax softmax_cross_entropy
        softmin softsign sort space_to_depth split split_v2 sqrt square squeeze stack
        stop_gradient subtract sum sum_axis swapaxes take tan tanh tile to_dlpack_for_read
        to_dlpack_for_write topk transpose true_divide trunc uniform unravel_index waitall where
        zeros zeros_like
    """,
    "nd.contrib": """
        AdaptiveAvgPooling2D BatchNormWithReLU BilinearResize2D CTCLoss DeformableConvolution
        DeformablePSROIPooling ModulatedDeformableConvolution MultiBoxDetection MultiBoxPrior
        MultiBoxTarget MultiProposal PSROIPooling Proposal ROIAlign RROIAlign SparseEmbedding
        SyncBatchNorm adamw_update allclose arange_like backward_gradientmultiplier
        backward_hawkesll backward_index_copy backward_quadratic bipartite_matching boolean_mask
        box_decode box_encode box_iou box_nms box_non_maximum_suppression calibrate_entropy cond
        count_sketch ctc_loss current_context dequantize dgl_adjacency
        dgl_csr_neighbor_non_uniform_sample dgl_csr_neighbor_uniform_sample dgl_graph_compact
        dgl_subgraph div_sqrt_dim edge_id fft foreach getnnz gradientmultiplier
        group_adagrad_update hawkesll ifft index_array index_copy interleaved_matmul_encdec_qk
        interleaved_matmul_encdec_valatt interleaved_matmul_selfatt_qk
        interleaved_matmul_selfatt_valatt isfinite isinf isnan mp_adamw_update
        multi_adamw_update multi_lamb_update multi_mp_adamw_update multi_mp_lamb_update
        quadratic quantize quantize_asym quantize_v2 quantized_act quantized_batch_norm
        quantized_concat quantized_conv quantized_elemwise_add quantized_elemwise_mul
        quantized_embedding quantized_flatten quantized_fully_connected quantized_pooling
        quantized_rnn rand_zipfian requantize round_ste sign_ste uniform while_loop
    """,
    "nd.linalg": """
        det extractdiag extracttrian gelqf gemm gemm2 inverse makediag maketrian potrf potri
        slogdet sumlogdiag syevd syrk trmm trsm
    """,
    "nd.random": """
        NDArray current_context exponential exponential_like gamma gamma_like
        generalized_negative_binomial generalized_negative_binomial_like multinomial
        negative_binomial negative_binomial_like normal normal_like numeric_types poisson
        poisson_like randint randn shuffle uniform uniform_like
    """,
    "np": """
        NAN NINF NZERO NaN PINF PZERO abs absolute add all allclose alltrue amax amin any append
        apply_along_axis apply_over_axes arange arccos arccosh arcsin arcsinh arctan arctan2
        arctanh argmax argmin argpartition argsort argwhere around array array_equal array_equiv
        array_split atleast_1d atleast_2d atleast_3d average bincount bitwise_and bitwise_not
        bitwise_or bitwise_xor blackman bool bool_ broadcast_arrays broadcast_to cbrt ceil
        choose clip column_stack compress concatenate copy copysign corrcoef correlate cos cosh
        count_nonzero cov cumsum deg2rad degrees delete diag diag_indices_from diagflat diagonal
        diff digitize divide divmod dot dsplit dstack e ediff1d einsum empty empty_like equal
        exp expand_dims expm1 extract eye fabs finfo fix flatnonzero flip fliplr flipud float16
        float32 float64 float_power floor frexp full full_like genfromtxt greater greater_equal
        hamming hanning heaviside histogram histogram2d histogram_bin_edges histogramdd hsplit
        hstack hypot i0 identity in1d indices inf inner insert int32 int64 int8 interp
        intersect1d invert isclose isfinite isin isinf isnan isneginf isposinf ix_ lcm ldexp
        less less_equal lexsort linspace log log10 log1p log2 logical_not logspace matmul max
        maximum may_share_memory mean meshgrid min min_scalar_type minimum mirr mod modf
        moveaxis msort multiply nan nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax
        nanmedian nanmin nanpercentile nanprod nanquantile ndarray ndim negative newaxis nonzero
        not_equal npv ones ones_like outer packbits pad partition percentile pi piecewise poly
        polyadd polydiv polyfit polyint polymul polysub polyval positive power ppmt prod product
        promote_types ptp pv quantile rad2deg radians rate ravel real reciprocal remainder
        repeat reshape resize result_type rint roll rollaxis roots rot90 round round_ row_stack
        searchsorted select set_printoptions setdiff1d setxor1d shape shares_memory sign signbit
        sin sinh size sometrue sort spacing split sqrt square squeeze stack std subtract sum
        swapaxes take take_along_axis tan tanh tensordot tile trace transpose trapz tril
        tril_indices_from trim_zeros triu_indices_from true_divide trunc uint8 union1d unique
        unpackbits unravel_index unwrap vander var vdot vsplit vstack where zeros zeros_like
    """,
    "np.linalg": """
        cholesky cond det eig eigh eigvals eigvalsh inv lstsq matrix_power matrix_rank multi_dot
        norm pinv qr slogdet solve svd tensorinv tensorsolve
    """,
    "np.random": """
        beta chisquare choice exponential gamma gumbel logistic lognormal multinomial
        multivariate_normal normal pareto power rand randint randn rayleigh shuffle uniform
        weibull
    """,
    "npx": """
        activation arange_like batch_dot batch_flatten batch_norm cast constraint_check
        convolution cpu cpu_pinned current_context deconvolution dropout embedding erf erfinv
        fully_connected gamma gammaln gather_nd get_cuda_compute_capability gpu gpu_memory_info
        is_np_array is_np_shape layer_norm leaky_relu load log_softmax multibox_detection
        multibox_prior multibox_target nonzero num_gpus one_hot pick pooling relu reset_np
        reshape reshape_like rnn roi_pooling save sequence_mask set_np shape_array sigmoid slice
        smooth_l1 softmax topk waitall
    """,
    "NDArray": """
        T abs arccos arccosh arcsin arcsinh arctan arctanh argmax argmax_channel argmin argsort
        as_in_context as_nd_ndarray as_np_ndarray asnumpy asscalar astype attach_grad backward
        broadcast_axes broadcast_like broadcast_to cbrt ceil clip context copy copyto cos cosh
        ctx degrees depth_to_space detach diag dtype exp expand_dims expm1 fix flatten flip
        floor grad handle log log10 log1p log2 log_softmax max mean min nanprod nansum ndim norm
        one_hot ones_like pad pick prod radians rcbrt reciprocal relu repeat reshape
        reshape_like rint round rsqrt shape shape_array sigmoid sign sin sinh size size_array
        slice slice_assign slice_assign_scalar slice_axis slice_like softmax softmin sort
        space_to_depth split split_v2 sqrt square squeeze stype sum swapaxes take tan tanh tile
        to_dlpack_for_read to_dlpack_for_write topk tostype transpose trunc wait_to_read
        writable zeros_like
    """,
    "ndarray": """
        T abs all any arccos arccosh arcsin arcsinh arctan arctanh argmax argmax_channel argmin
        argsort as_in_context as_in_ctx as_nd_ndarray as_np_ndarray asnumpy asscalar astype
        attach_grad backward broadcast_axes broadcast_like broadcast_to cbrt ceil clip context
        copy copyto cos cosh ctx cumsum degrees depth_to_space detach diag dot dtype exp
        expand_dims expm1 fix flatten flip floor grad handle item log log10 log1p log2
        log_softmax max mean min nanprod nansum ndim nonzero norm one_hot ones_like pad pick
        prod radians rcbrt reciprocal relu repeat reshape reshape_like reshape_view rint round
        rsqrt shape shape_array sigmoid sign sin sinh size size_array slice slice_assign
        slice_assign_scalar slice_axis slice_like softmax softmin sort space_to_depth split
        split_v2 sqrt square squeeze std stype sum swapaxes take tan tanh tile
        to_dlpack_for_read to_dlpack_for_write tolist topk tostype transpose trunc var
        wait_to_read writable zeros_like
    """,
}
