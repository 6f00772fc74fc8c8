// A script that got into a page, in whatever way, would have to know a number that is new with every page.
#include "view/report/page/page_frame.h"

#include <random>

#include "core/text.h"
#include "view/report/page/page_live.h"
#include "view/report/page/page_script.h"
#include "view/report/page/page_style.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

std::string new_nonce() {
  std::random_device device;
  std::string nonce;
  for (int i = 0; i < 4; ++i) nonce += format("%08x", device());
  return nonce;
}

}  // namespace

std::string page_frame(const std::string& title, const std::string& body, const PageUse& use) {
  const std::string escaped = escape_html(title), nonce = new_nonce();
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
         "base-uri 'none'; form-action " +
         std::string(use.served ? "'self'; connect-src 'self'" : "'none'") + "; script-src 'nonce-" + nonce +
         "'\"><meta name=\"viewport\" content=\"width=device-width\">\n<title>" + escaped + "</title>\n<style>" +
         page_style() + "</style></head>\n<body>\n" + use.links + (use.served ? live_word() : "") + "<main>\n<h1>" +
         escaped + "</h1>\n" + body + "</main>\n<script nonce=\"" + nonce + "\">" + page_script() +
         (use.served ? live_script() : "") + "</script>\n</body></html>\n";
}

}  // namespace mm
