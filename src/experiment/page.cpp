// Runs of one variant have the same steps, so the buckets of their curves lie above each other.
#include "experiment/page.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "experiment/table.h"
#include "view/report/html.h"
#include "view/report/line_chart.h"
#include "view/report/page_assets.h"
#include "view/report/report_page.h"
#include "view/report/run_section.h"

namespace mm {
namespace {

using Buckets = std::vector<Bucket>;

/// What is drawn of one variant.
struct Picture {
  std::string name;
  std::vector<RunHistory> runs;  ///< the finished ones
  std::vector<const RunResult*> results;
  double tokens_per_step = 0, seconds_per_step = 0;
};

/// The mean over the runs at each place; least and greatest are those of the runs.
Buckets mean_curve(const std::vector<Buckets>& runs) {
  Buckets mean;
  if (runs.empty()) return mean;
  for (size_t i = 0; i < runs.front().size(); ++i) {
    Bucket bucket = {runs.front()[i].first_step, runs.front()[i].last_step};
    for (const Buckets& run : runs) {
      if (i >= run.size()) continue;
      const double value = run[i].mean();
      bucket.min = bucket.count == 0 ? value : std::min(bucket.min, value);
      bucket.max = bucket.count == 0 ? value : std::max(bucket.max, value);
      bucket.sum += value;
      ++bucket.count;
    }
    mean.push_back(bucket);
  }
  return mean;
}

/// Places from steps to tokens or seconds.
Buckets stretched(Buckets buckets, double factor) {
  for (Bucket& bucket : buckets) {
    bucket.first_step = std::llround(static_cast<double>(bucket.first_step) * factor);
    bucket.last_step = std::llround(static_cast<double>(bucket.last_step) * factor);
  }
  return buckets;
}

Buckets training_curve(const Picture& picture, const Series& (*pick)(const RunHistory&)) {
  std::vector<Buckets> curves;
  for (const RunHistory& run : picture.runs) curves.push_back(pick(run).buckets());
  return mean_curve(curves);
}

Buckets validation_curve(const Picture& picture) {
  std::vector<Buckets> curves;
  for (const RunResult* run : picture.results) {
    Buckets& curve = curves.emplace_back();
    for (const EvaluationPoint& point : run->evaluations) {
      curve.push_back({point.step, point.step, 1, point.loss, point.loss, point.loss});
    }
  }
  return mean_curve(curves);
}

class Page {
 public:
  Page(const RunPlan& plan, const std::vector<VariantResults>& results, const std::vector<ComparisonRow>& rows)
      : plan_(plan), rows_(rows) {
    const HistoryLimits limits = limits_for(plan.runs.size());
    for (size_t i = 0; i < results.size(); ++i) {
      Picture& picture = pictures_.emplace_back();
      const PlannedVariant& variant = plan.variants[i];
      picture.name = variant.name;
      picture.tokens_per_step = static_cast<double>(variant.config.tokens_per_step());
      picture.seconds_per_step = rows[i].seconds.mean / static_cast<double>(std::max<int64_t>(variant.steps, 1));
      size_t run_of_variant = 0;
      for (const PlannedRun& run : plan.runs) {
        if (run.variant != i) continue;
        const RunResult& result = results[i].runs[run_of_variant++];
        if (!result.finished()) continue;
        picture.results.push_back(&result);
        picture.runs.push_back(read_run_history(run.folder(), limits));
      }
    }
  }

  std::string html() const {
    const ExperimentFile& file = plan_.file;
    std::string body;
    if (!file.about.empty()) body += "<p>" + escape_html(file.about) + "</p>\n";
    return html_page(file.name, body + table() + charts() + heat_maps());
  }

 private:
  /// A curve of every variant, over steps times `factor`.
  using Curves = Buckets (*)(const Picture&);
  std::string chart(const char* title, const std::string& unit, Curves curve_of, double Picture::*factor,
                    double scale = 1) const {
    LineChart chart{.title = title, .unit = unit};
    for (size_t i = 0; i < pictures_.size(); ++i) {
      Buckets buckets = stretched(curve_of(pictures_[i]), pictures_[i].*factor * scale);
      if (!buckets.empty()) chart.last_step = std::max(chart.last_step, buckets.back().last_step);
      chart.curves.push_back({.name = pictures_[i].name, .colour = static_cast<int>(i), .buckets = std::move(buckets)});
    }
    return line_chart(chart);
  }

  std::string charts() const {
    const auto training = [](const Picture& picture) {
      return training_curve(picture, [](const RunHistory& run) -> const Series& { return run.loss; });
    };
    const auto busiest = [](const Picture& picture) {
      return training_curve(picture, [](const RunHistory& run) -> const Series& { return run.load.max_over_mean; });
    };
    constexpr double kShort = 200;  // seconds
    double longest = 0;
    for (const ComparisonRow& row : rows_) longest = std::max(longest, row.seconds.mean);
    const double scale = longest < kShort ? 1000 : 1;
    const std::string over = longest < kShort ? "nats per token, over milliseconds" : "nats per token, over seconds";
    std::string html = "<div class=\"charts\">\n";
    html += chart("Validation loss", "nats per token, over tokens", validation_curve, &Picture::tokens_per_step);
    html += chart("Validation loss", over, validation_curve, &Picture::seconds_per_step, scale);
    html += chart("Training loss", "nats per token, over tokens", training, &Picture::tokens_per_step);
    html += chart("Training loss", over, training, &Picture::seconds_per_step, scale);
    html += chart("Busiest expert of the worst layer", "fair shares, over tokens", busiest, &Picture::tokens_per_step);
    return html +
           "</div>\n<p class=\"soft\">Lines are means over the seeds, bands reach from the least to the "
           "greatest.</p>\n";
  }

  std::string table() const {
    const auto lines = table_cells(plan_.file, rows_);
    const auto line = [](const std::vector<std::string>& cells, const char* tag, const std::string& key) {
      std::string html = "<tr>";
      for (const std::string& cell : cells) {
        html += format("<%s>", tag) + (&cell == &cells.front() ? key : "") + escape_html(cell) + format("</%s>", tag);
      }
      return html + "</tr>\n";
    };
    std::string html = "<div class=\"scroll\"><table>" + line(lines[0], "th", "");
    for (size_t i = 1; i < lines.size(); ++i) {
      html += line(lines[i], "td", format("<span class=\"key c%zu\"></span>", (i - 1) % 8));
    }
    html += "</table></div>\n";
    for (const std::string& sentence : explanation(plan_.file)) {
      html += "<p class=\"soft\">" + escape_html(sentence) + "</p>\n";
    }
    for (const std::string& failure : failures(rows_)) html += "<p>failed: " + escape_html(failure) + "</p>\n";
    return html;
  }

  std::string heat_maps() const {
    std::string html;
    for (const Picture& picture : pictures_) {
      const std::string maps = picture.runs.empty() ? "" : load_maps(picture.runs.front());
      if (maps.empty()) continue;
      html += "<div><h2>" + escape_html(picture.name) + "</h2>\n<p class=\"soft\">" +
              escape_html(picture.runs.front().folder) + "</p>\n" + maps + "</div>\n";
    }
    return html.empty() ? "" : "<div class=\"charts\">\n" + html + "</div>\n";
  }

  const RunPlan& plan_;
  const std::vector<ComparisonRow>& rows_;
  std::vector<Picture> pictures_;
};

}  // namespace

std::string experiment_page(const RunPlan& plan, const std::vector<VariantResults>& results,
                            const std::vector<ComparisonRow>& rows) {
  return Page(plan, results, rows).html();
}

}  // namespace mm
