// Encoding into memory, then one atomic write; decoding.
#include "mbrl/mujoco/render/video.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/fork.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"

#if MBRL_HAS_FFMPEG
#include "mujoco/render/ffmpeg.hpp"
#endif

namespace mbrl::mujoco {
#if MBRL_HAS_FFMPEG
namespace {

// FFmpeg's objects are freed through a pointer to the pointer.
template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    (ffmpeg().*kFree)(&object);
  }
};
using Codec = std::unique_ptr<AVCodecContext, Free<&Ffmpeg::avcodec_free_context>>;
using Frame = std::unique_ptr<AVFrame, Free<&Ffmpeg::av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, Free<&Ffmpeg::av_packet_free>>;
struct FreeScaler {
  void operator()(SwsContext* scaler) const { ffmpeg().sws_freeContext(scaler); }
};
using Scaler = std::unique_ptr<SwsContext, FreeScaler>;
struct FreeOutput {
  void operator()(AVFormatContext* format) const {
    format->pb = nullptr;  // belongs to MemoryOutput
    ffmpeg().avformat_free_context(format);
  }
};
using Output = std::unique_ptr<AVFormatContext, FreeOutput>;

// A negative result is an error with a text.
int check(int result, const std::filesystem::path& path, const char* what) {
  if (result < 0) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    ffmpeg().av_strerror(result, text, sizeof text);
    fail(path.string(), ": FFmpeg cannot ", what, ": ", text);
  }
  return result;
}

// A file in memory that FFmpeg writes into, going back for its headers.
class MemoryOutput {
 public:
  MemoryOutput() {
    constexpr int kBuffer = 1 << 16;
    auto* buffer = static_cast<unsigned char*>(ffmpeg().av_malloc(kBuffer));
    io_ = ffmpeg().avio_alloc_context(buffer, kBuffer, 1, this, nullptr, write, seek);
    require(io_ != nullptr, "FFmpeg: no memory for a film");
  }
  MemoryOutput(const MemoryOutput&) = delete;
  MemoryOutput& operator=(const MemoryOutput&) = delete;
  ~MemoryOutput() {
    ffmpeg().av_freep(&io_->buffer);
    ffmpeg().avio_context_free(&io_);
  }
  AVIOContext* io() { return io_; }
  const std::string& bytes() const { return bytes_; }

 private:
#if LIBAVFORMAT_VERSION_MAJOR >= 61
  using Bytes = const std::uint8_t*;
#else
  using Bytes = std::uint8_t*;
#endif
  static int write(void* self, Bytes data, int count) {
    auto& file = *static_cast<MemoryOutput*>(self);
    const auto size = static_cast<std::size_t>(count);
    if (file.at_ + size > file.bytes_.size()) file.bytes_.resize(file.at_ + size);
    std::memcpy(file.bytes_.data() + file.at_, data, size);
    file.at_ += size;
    return count;
  }
  static std::int64_t seek(void* self, std::int64_t offset, int from) {
    auto& file = *static_cast<MemoryOutput*>(self);
    const auto size = static_cast<std::int64_t>(file.bytes_.size());
    if (from & AVSEEK_SIZE) return size;
    const std::int64_t base = from == SEEK_SET   ? 0
                              : from == SEEK_CUR ? static_cast<std::int64_t>(file.at_)
                                                 : size;
    if (base + offset < 0) return -1;
    file.at_ = static_cast<std::size_t>(base + offset);
    return base + offset;
  }

  AVIOContext* io_ = nullptr;
  std::string bytes_;
  std::size_t at_ = 0;
};

// libx264 before whatever else encodes H.264: others may need hardware.
const AVCodec* find_encoder() {
  if (const AVCodec* x264 = ffmpeg().avcodec_find_encoder_by_name("libx264")) return x264;
  return ffmpeg().avcodec_find_encoder(AV_CODEC_ID_MPEG4);
}

}  // namespace

struct VideoWriter::Impl {
  Impl(std::filesystem::path p, const VideoSettings& s) : path(std::move(p)), settings(s) {
    require(s.width >= 2 && s.height >= 2 && s.width % 2 == 0 && s.height % 2 == 0, path.string(),
            ": a film of ", s.width, " x ", s.height, " pixels, expected even numbers");
    require(std::isfinite(s.frames_per_second) && s.frames_per_second > 0, path.string(), ": a film of ",
            s.frames_per_second, " frames a second, expected more than 0");
    require(s.quality >= 0 && s.quality <= 51, path.string(), ": quality is ", s.quality,
            ", expected 0 to 51");
    ffmpeg().av_log_set_level(AV_LOG_FATAL);
    const AVCodec* encoder = find_encoder();
    require(encoder != nullptr, path.string(), ": this FFmpeg encodes neither H.264 nor MPEG-4");
    AVFormatContext* made = nullptr;
    check(ffmpeg().avformat_alloc_output_context2(&made, nullptr, "mp4", nullptr), path, "make an MP4 file");
    format.reset(made);
    format->pb = output.io();
    stream = ffmpeg().avformat_new_stream(format.get(), nullptr);
    codec.reset(ffmpeg().avcodec_alloc_context3(encoder));
    frame.reset(ffmpeg().av_frame_alloc());
    packet.reset(ffmpeg().av_packet_alloc());
    require(stream && codec && frame && packet, path.string(), ": no memory for a film");

    const AVRational rate = ffmpeg().av_d2q(s.frames_per_second, 60000);
    codec->width = s.width;
    codec->height = s.height;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->framerate = rate;
    codec->time_base = av_inv_q(rate);
    codec->gop_size = 50;
    codec->colorspace = AVCOL_SPC_SMPTE170M;  // what the conversion below gives
    codec->color_range = AVCOL_RANGE_MPEG;
    if (format->oformat->flags & AVFMT_GLOBALHEADER) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (encoder->id == AV_CODEC_ID_H264) {
      ffmpeg().av_opt_set_int(codec->priv_data, "crf", s.quality, 0);
      ffmpeg().av_opt_set(codec->priv_data, "preset", "veryfast", 0);
    } else {
      codec->flags |= AV_CODEC_FLAG_QSCALE;
      codec->global_quality = FF_QP2LAMBDA * std::clamp(s.quality / 5, 1, 31);
    }
    check(ffmpeg().avcodec_open2(codec.get(), encoder, nullptr), path, "open its encoder");
    check(ffmpeg().avcodec_parameters_from_context(stream->codecpar, codec.get()), path, "describe the film");
    stream->time_base = codec->time_base;
    stream->avg_frame_rate = rate;
    check(ffmpeg().avformat_write_header(format.get(), nullptr), path, "begin the file");

    frame->format = codec->pix_fmt;
    frame->width = s.width;
    frame->height = s.height;
    check(ffmpeg().av_frame_get_buffer(frame.get(), 0), path, "make a frame");
    scaler.reset(ffmpeg().sws_getContext(s.width, s.height, AV_PIX_FMT_RGB24, s.width, s.height,
                                         codec->pix_fmt, SWS_BICUBIC, nullptr, nullptr, nullptr));
    require(scaler != nullptr, path.string(), ": FFmpeg cannot convert the colours");
  }

  void check_process() const {
    require(!origin.is_elsewhere(), path.string(),
            ": this process was forked from the one that began the film, whose encoder has threads that the "
            "child "
            "has not; begin films in the child");
  }

  // A null frame ends the film.
  void encode(const AVFrame* next) {
    check(ffmpeg().avcodec_send_frame(codec.get(), next), path, "encode a frame");
    for (;;) {
      const int result = ffmpeg().avcodec_receive_packet(codec.get(), packet.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      check(result, path, "encode a frame");
      packet->duration = 1;
      ffmpeg().av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
      packet->stream_index = stream->index;
      check(ffmpeg().av_interleaved_write_frame(format.get(), packet.get()), path, "write a frame");
    }
  }

  ProcessOfOrigin origin;
  std::filesystem::path path;
  VideoSettings settings;
  MemoryOutput output;
  Output format;
  AVStream* stream = nullptr;
  Codec codec;
  Frame frame;
  Packet packet;
  Scaler scaler;
  int frames = 0;
  bool finished = false;
};

VideoWriter::VideoWriter(std::filesystem::path path, const VideoSettings& settings)
    : impl_((require_extension(path, ".mp4"), std::make_unique<Impl>(std::move(path), settings))) {}

VideoWriter::~VideoWriter() {
  if (impl_ && impl_->origin.is_elsewhere())
    static_cast<void>(impl_.release());  // would wait for the threads
}

void VideoWriter::add(const Image& image) {
  Impl& self = *impl_;
  self.check_process();
  require(image.width == self.settings.width && image.height == self.settings.height, self.path.string(),
          ": a frame of ", image.width, " x ", image.height, " pixels, expected ", self.settings.width, " x ",
          self.settings.height);
  require(!self.finished, self.path.string(), ": a frame after the end of the film");
  check(ffmpeg().av_frame_make_writable(self.frame.get()), self.path, "make a frame");
  const std::uint8_t* rows[] = {image.rgb.data()};
  const int strides[] = {3 * image.width};
  ffmpeg().sws_scale(self.scaler.get(), rows, strides, 0, image.height, self.frame->data,
                     self.frame->linesize);
  self.frame->pts = self.frames++;
  self.encode(self.frame.get());
}

void VideoWriter::finish() {
  Impl& self = *impl_;
  self.check_process();
  require(self.frames > 0, self.path.string(), ": a film without frames");
  if (std::exchange(self.finished, true)) return;
  self.encode(nullptr);
  check(ffmpeg().av_write_trailer(self.format.get()), self.path, "end the file");
  ffmpeg().avio_flush(self.output.io());
  write_file_atomically(self.path, self.output.bytes());
}

int VideoWriter::frames() const { return impl_->frames; }
std::string VideoWriter::codec() const { return impl_->codec->codec->name; }

VideoInfo read_video(const std::filesystem::path& path, const std::function<void(const Image&)>& on_frame) {
  ffmpeg().av_log_set_level(AV_LOG_FATAL);
  AVFormatContext* opened = nullptr;
  check(ffmpeg().avformat_open_input(&opened, path.c_str(), nullptr, nullptr), path, "open it");
  struct Close {
    void operator()(AVFormatContext* format) const { ffmpeg().avformat_close_input(&format); }
  };
  const std::unique_ptr<AVFormatContext, Close> format(opened);
  check(ffmpeg().avformat_find_stream_info(format.get(), nullptr), path, "read it");
  const int index = check(ffmpeg().av_find_best_stream(format.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0),
                          path, "find a film in it");
  const AVStream& stream = *format->streams[index];
  const AVCodec* decoder = ffmpeg().avcodec_find_decoder(stream.codecpar->codec_id);
  require(decoder != nullptr, path.string(), ": this FFmpeg has no decoder for it");
  const Codec codec(ffmpeg().avcodec_alloc_context3(decoder));
  const Frame frame(ffmpeg().av_frame_alloc());
  const Packet packet(ffmpeg().av_packet_alloc());
  require(codec && frame && packet, path.string(), ": no memory for a film");
  check(ffmpeg().avcodec_parameters_to_context(codec.get(), stream.codecpar), path, "read it");
  check(ffmpeg().avcodec_open2(codec.get(), decoder, nullptr), path, "open its decoder");

  VideoInfo info;
  info.width = codec->width;
  info.height = codec->height;
  info.frames_per_second = av_q2d(stream.avg_frame_rate);
  info.codec = decoder->name;
  Image image(info.width, info.height);
  Scaler scaler;
  const auto receive = [&] {
    for (;;) {
      const int result = ffmpeg().avcodec_receive_frame(codec.get(), frame.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      check(result, path, "decode a frame");
      ++info.frames;
      if (!on_frame) continue;
      if (!scaler)
        scaler.reset(ffmpeg().sws_getContext(
            frame->width, frame->height, static_cast<AVPixelFormat>(frame->format), info.width, info.height,
            AV_PIX_FMT_RGB24, SWS_BICUBIC, nullptr, nullptr, nullptr));
      require(scaler != nullptr, path.string(), ": FFmpeg cannot convert the colours");
      std::uint8_t* rows[] = {image.rgb.data()};
      const int strides[] = {3 * info.width};
      ffmpeg().sws_scale(scaler.get(), frame->data, frame->linesize, 0, frame->height, rows, strides);
      on_frame(image);
    }
  };
  for (;;) {
    const int result = ffmpeg().av_read_frame(format.get(), packet.get());
    if (result == AVERROR_EOF) break;
    check(result, path, "read it");
    if (packet->stream_index == index) {
      check(ffmpeg().avcodec_send_packet(codec.get(), packet.get()), path, "decode a frame");
      receive();
    }
    ffmpeg().av_packet_unref(packet.get());
  }
  check(ffmpeg().avcodec_send_packet(codec.get(), nullptr), path, "decode a frame");
  receive();
  return info;
}

#else

namespace {

[[noreturn]] void no_ffmpeg(const std::filesystem::path& path) {
  fail(path.string(),
       ": this library was built without FFmpeg; install libavcodec-dev, libavformat-dev, libavutil-dev and "
       "libswscale-dev (or run scripts/setup) and configure it again");
}

}  // namespace

struct VideoWriter::Impl {};

VideoWriter::VideoWriter(std::filesystem::path path, const VideoSettings& /*settings*/) { no_ffmpeg(path); }
void VideoWriter::add(const Image& /*image*/) {}
void VideoWriter::finish() {}
int VideoWriter::frames() const { return 0; }
std::string VideoWriter::codec() const { return {}; }
VideoInfo read_video(const std::filesystem::path& path,
                     const std::function<void(const Image&)>& /*on_frame*/) {
  no_ffmpeg(path);
}

VideoWriter::~VideoWriter() = default;

#endif

VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

}  // namespace mbrl::mujoco
