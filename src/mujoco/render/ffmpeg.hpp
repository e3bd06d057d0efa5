// FFmpeg's functions, found when the first film is begun or read: its libraries bring a hundred others, which every
// program would load when it starts.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/error.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <string>

#include "core/shared_library.hpp"

namespace mbrl::mujoco {

/// The libraries whose headers this was compiled with: FFmpeg names them by the major version of their interface.
class Ffmpeg {
  static SharedLibrary open(const std::string& name, int version);

  SharedLibrary util_ = open("avutil", LIBAVUTIL_VERSION_MAJOR);
  SharedLibrary codec_ = open("avcodec", LIBAVCODEC_VERSION_MAJOR);
  SharedLibrary format_ = open("avformat", LIBAVFORMAT_VERSION_MAJOR);
  SharedLibrary scale_ = open("swscale", LIBSWSCALE_VERSION_MAJOR);

 public:
  decltype(::av_d2q)* av_d2q = util_["av_d2q"];
  decltype(::av_frame_alloc)* av_frame_alloc = util_["av_frame_alloc"];
  decltype(::av_frame_free)* av_frame_free = util_["av_frame_free"];
  decltype(::av_frame_get_buffer)* av_frame_get_buffer = util_["av_frame_get_buffer"];
  decltype(::av_frame_make_writable)* av_frame_make_writable = util_["av_frame_make_writable"];
  decltype(::av_freep)* av_freep = util_["av_freep"];
  decltype(::av_log_set_level)* av_log_set_level = util_["av_log_set_level"];
  decltype(::av_malloc)* av_malloc = util_["av_malloc"];
  decltype(::av_opt_set)* av_opt_set = util_["av_opt_set"];
  decltype(::av_opt_set_int)* av_opt_set_int = util_["av_opt_set_int"];
  decltype(::av_strerror)* av_strerror = util_["av_strerror"];
  decltype(::av_packet_alloc)* av_packet_alloc = codec_["av_packet_alloc"];
  decltype(::av_packet_free)* av_packet_free = codec_["av_packet_free"];
  decltype(::av_packet_rescale_ts)* av_packet_rescale_ts = codec_["av_packet_rescale_ts"];
  decltype(::av_packet_unref)* av_packet_unref = codec_["av_packet_unref"];
  decltype(::avcodec_alloc_context3)* avcodec_alloc_context3 = codec_["avcodec_alloc_context3"];
  decltype(::avcodec_find_decoder)* avcodec_find_decoder = codec_["avcodec_find_decoder"];
  decltype(::avcodec_find_encoder)* avcodec_find_encoder = codec_["avcodec_find_encoder"];
  decltype(::avcodec_find_encoder_by_name)* avcodec_find_encoder_by_name =
      codec_["avcodec_find_encoder_by_name"];
  decltype(::avcodec_free_context)* avcodec_free_context = codec_["avcodec_free_context"];
  decltype(::avcodec_open2)* avcodec_open2 = codec_["avcodec_open2"];
  decltype(::avcodec_parameters_from_context)* avcodec_parameters_from_context =
      codec_["avcodec_parameters_from_context"];
  decltype(::avcodec_parameters_to_context)* avcodec_parameters_to_context =
      codec_["avcodec_parameters_to_context"];
  decltype(::avcodec_receive_frame)* avcodec_receive_frame = codec_["avcodec_receive_frame"];
  decltype(::avcodec_receive_packet)* avcodec_receive_packet = codec_["avcodec_receive_packet"];
  decltype(::avcodec_send_frame)* avcodec_send_frame = codec_["avcodec_send_frame"];
  decltype(::avcodec_send_packet)* avcodec_send_packet = codec_["avcodec_send_packet"];
  decltype(::av_find_best_stream)* av_find_best_stream = format_["av_find_best_stream"];
  decltype(::av_interleaved_write_frame)* av_interleaved_write_frame = format_["av_interleaved_write_frame"];
  decltype(::av_read_frame)* av_read_frame = format_["av_read_frame"];
  decltype(::av_write_trailer)* av_write_trailer = format_["av_write_trailer"];
  decltype(::avformat_alloc_output_context2)* avformat_alloc_output_context2 =
      format_["avformat_alloc_output_context2"];
  decltype(::avformat_close_input)* avformat_close_input = format_["avformat_close_input"];
  decltype(::avformat_find_stream_info)* avformat_find_stream_info = format_["avformat_find_stream_info"];
  decltype(::avformat_free_context)* avformat_free_context = format_["avformat_free_context"];
  decltype(::avformat_new_stream)* avformat_new_stream = format_["avformat_new_stream"];
  decltype(::avformat_open_input)* avformat_open_input = format_["avformat_open_input"];
  decltype(::avformat_write_header)* avformat_write_header = format_["avformat_write_header"];
  decltype(::avio_alloc_context)* avio_alloc_context = format_["avio_alloc_context"];
  decltype(::avio_context_free)* avio_context_free = format_["avio_context_free"];
  decltype(::avio_flush)* avio_flush = format_["avio_flush"];
  decltype(::sws_freeContext)* sws_freeContext = scale_["sws_freeContext"];
  decltype(::sws_getContext)* sws_getContext = scale_["sws_getContext"];
  decltype(::sws_scale)* sws_scale = scale_["sws_scale"];
};

/// Opens them at the first call; throws, saying what to install, where that fails. Threads may call at once.
const Ffmpeg& ffmpeg();

}  // namespace mbrl::mujoco
